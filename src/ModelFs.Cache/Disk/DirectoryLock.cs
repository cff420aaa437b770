using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Cache.Disk;

/// <summary>One daemon a directory. The kernel's lock decides on one machine, the owner file between machines that share a network filesystem.</summary>
internal sealed class DirectoryLock : IDisposable
{
    /// <summary>An owner on another machine that has not been heard of for so long is dead. It says something every <see cref="BeatEvery"/>.</summary>
    private static readonly TimeSpan DeadAfter = TimeSpan.FromSeconds(60);

    public static readonly TimeSpan BeatEvery = TimeSpan.FromSeconds(10);

    private static readonly string[] NetworkFormats = ["nfs", "nfs4", "cifs", "smb2", "smb3", "ceph", "fuse", "lustre", "9p"];

    private readonly SafeFileHandle indexLock;
    private readonly SafeFileHandle ownerFile;
    private readonly string self;

    private DirectoryLock(SafeFileHandle indexLock, SafeFileHandle ownerFile, string self)
    {
        this.indexLock = indexLock;
        this.ownerFile = ownerFile;
        this.self = self;
    }

    /// <exception cref="CacheInUseException">Another process has one of the directories.</exception>
    public static DirectoryLock Acquire(string directory, string indexDirectory, TimeProvider time)
    {
        string self = Describe();
        var indexLock = Take(Path.Combine(indexDirectory, "lock"), indexDirectory);
        try
        {
            var ownerFile = Take(OwnerOf(directory), directory);
            try
            {
                string former = ReadText(ownerFile);
                var silence = time.GetUtcNow() - File.GetLastWriteTimeUtc(ownerFile);
                if (former.Length > 0 && Field(former, "boot") != Field(self, "boot") && Field(former, "host") != Field(self, "host")
                    && silence < DeadAfter && NetworkFormats.Any(new DriveInfo(directory).DriveFormat.StartsWith))
                {
                    throw InUse(directory, former);
                }

                WriteText(indexLock, self);
                WriteText(ownerFile, self);
                return new DirectoryLock(indexLock, ownerFile, self);
            }
            catch
            {
                ownerFile.Dispose();
                throw;
            }
        }
        catch
        {
            indexLock.Dispose();
            throw;
        }
    }

    /// <summary>The owner file once more, whoever has locked it.</summary>
    public static SafeFileHandle OpenOwner(string directory) => Linux.OpenLockFile(OwnerOf(directory));

    /// <summary>Says that we live. Null, or who owns the directory now.</summary>
    public string? Beat(TimeProvider time)
    {
        string current = ReadText(ownerFile);
        if (current != self)
            return current;
        File.SetLastWriteTimeUtc(ownerFile, time.GetUtcNow().UtcDateTime);
        return null;
    }

    /// <summary>The files stay: to remove one that another process is just opening would give two of them a lock each.</summary>
    public void Dispose()
    {
        try
        {
            WriteText(ownerFile, "");
            WriteText(indexLock, "");
        }
        catch (IOException)
        {
            // A dead owner's name does no harm: the lock goes with the descriptor.
        }

        ownerFile.Dispose();
        indexLock.Dispose();
    }

    private static string OwnerOf(string directory) => Path.Combine(directory, "owner");

    private static SafeFileHandle Take(string path, string directory)
    {
        var handle = Linux.OpenLockFile(path);
        if (Linux.TryLock((int)handle.DangerousGetHandle()))
            return handle;
        string owner = ReadText(handle);
        handle.Dispose();
        throw InUse(directory, owner);
    }

    private static CacheInUseException InUse(string directory, string owner) => new(
        $"{directory} is in use by process {Field(owner, "pid")} on {Field(owner, "host")} (started {Field(owner, "since")}). Stop it, or give this one another cache directory.");

    private static string Describe()
    {
        // Field 22 of stat, after the last parenthesis: clock ticks since boot. A process id alone comes again.
        string stat = File.ReadAllText("/proc/self/stat");
        string start = stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"host={Environment.MachineName}\n");
        text.Append(CultureInfo.InvariantCulture, $"boot={File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()}\n");
        text.Append(CultureInfo.InvariantCulture, $"pid={Environment.ProcessId}\n");
        text.Append(CultureInfo.InvariantCulture, $"start={start}\n");
        text.Append(CultureInfo.InvariantCulture, $"since={DateTime.UtcNow:yyyy-MM-ddTHH:mm:ssZ}\n");
        return text.ToString();
    }

    private static string Field(string owner, string name) =>
        owner.Split('\n').FirstOrDefault(line => line.StartsWith(name + '=', StringComparison.Ordinal))?[(name.Length + 1)..] ?? "unknown";

    private static string ReadText(SafeFileHandle handle)
    {
        Span<byte> bytes = stackalloc byte[1024];
        return Encoding.UTF8.GetString(bytes[..RandomAccess.Read(handle, bytes, 0)]);
    }

    private static void WriteText(SafeFileHandle handle, string text)
    {
        RandomAccess.SetLength(handle, 0);
        RandomAccess.Write(handle, Encoding.UTF8.GetBytes(text), 0);
    }
}
