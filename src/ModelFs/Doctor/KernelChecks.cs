using System.Globalization;
using ModelFs.Configuration;

namespace ModelFs.Doctor;

/// <summary>Whether this machine can mount, and what its FUSE can do.</summary>
/// <param name="root">What stands for <c>/</c>: a test's directory has the files of another machine.</param>
internal sealed class KernelChecks(string root, bool isRoot)
{
    /// <summary>The first with request resend and passthrough.</summary>
    private static readonly Version Resend = new(6, 9);

    /// <summary>Bit 21 of a capability set.</summary>
    private const ulong SysAdmin = 1UL << 21;

    /// <summary>What a mount of ours asks for: requests of 1 MiB.</summary>
    private const int WantedPages = 256;

    public IEnumerable<Finding> Run(ModelFsOptions options)
    {
        yield return Device();
        yield return Fusermount();
        yield return Kernel();
        if (Read("proc/sys/fs/fuse/max_pages_limit") is { } pages && int.TryParse(pages, CultureInfo.InvariantCulture, out var most))
        {
            yield return most >= WantedPages
                ? Finding.Ok("max_pages", $"requests of up to {ByteSize.Format(most * 4096L)}")
                : Finding.Warn("max_pages", $"requests of at most {ByteSize.Format(most * 4096L)}", $"sysctl fs.fuse.max_pages_limit={WantedPages} makes reads larger");
        }

        if (!isRoot && options.AllowOther)
        {
            yield return AllowsOthers()
                ? Finding.Ok("allowOther", "/etc/fuse.conf has user_allow_other")
                : Finding.Fail("allowOther", "/etc/fuse.conf has no user_allow_other", "add that line, or leave allowOther out");
        }
    }

    private Finding Device()
    {
        var path = Path.Combine(root, "dev/fuse");
        try
        {
            using var device = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            return Finding.Ok("/dev/fuse", "can be opened");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Finding.Fail("/dev/fuse", "is not there", "modprobe fuse; a container needs --device /dev/fuse or to be privileged");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Finding.Fail("/dev/fuse", $"cannot be opened: {e.Message.TrimEnd('.')}", "its mode is 0666 on most systems; a container needs --device /dev/fuse");
        }
    }

    private Finding Fusermount()
    {
        var found = new[] { "bin", "usr/bin", "usr/local/bin" }.Select(d => Path.Combine(root, d, "fusermount3")).FirstOrDefault(File.Exists);
        return found is not null ? Finding.Ok("fusermount3", "is there")
            : isRoot ? Finding.Ok("fusermount3", "is not there, and root needs none")
            : Finding.Fail("fusermount3", "is not there, and only root mounts without it", "install the package fuse3");
    }

    private Finding Kernel()
    {
        var release = Read("proc/sys/kernel/osrelease") ?? "unknown";
        var number = release.Split('-', '+', ' ')[0].Split('.');
        if (number.Length < 2 || !Version.TryParse($"{number[0]}.{number[1]}", out var version) || version < Resend)
            return Finding.Warn("kernel", $"{release} has neither FUSE passthrough nor request resend", $"from {Resend} on, complete files are read without the daemon");
        return HasSysAdmin()
            ? Finding.Ok("kernel", $"{release} with FUSE passthrough and request resend")
            : Finding.Warn("kernel", $"{release} has FUSE passthrough, which this process may not use", "run the daemon as root, or with CAP_SYS_ADMIN");
    }

    private bool HasSysAdmin() =>
        Read("proc/self/status")?.Split('\n').FirstOrDefault(l => l.StartsWith("CapEff:", StringComparison.Ordinal)) is { } line
        && ulong.TryParse(line[7..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var capabilities)
        && (capabilities & SysAdmin) != 0;

    private bool AllowsOthers() => Read("etc/fuse.conf")?.Split('\n').Any(l => l.Trim() == "user_allow_other") == true;

    private string? Read(string path)
    {
        try
        {
            return File.ReadAllText(Path.Combine(root, path)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
