using System.Diagnostics;

namespace ModelFs.Testing;

/// <summary>Tools of the distribution that a test needs: installed when they are missing, or the test fails and says why.</summary>
public static class DebianPackages
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <exception cref="InvalidOperationException">A package is missing and cannot be installed here.</exception>
    public static void Require(params ReadOnlySpan<string> packages)
    {
        var missing = Missing(packages);
        if (missing.Count == 0) return;
        using var alone = Lock();
        missing = Missing(packages); // another process may have been faster
        if (missing.Count == 0) return;
        Run("apt-get", ["update"]);
        Run("apt-get", ["install", "-y", "--no-install-recommends", .. missing]);
        if (Missing(packages) is { Count: > 0 } still)
            throw new InvalidOperationException($"These Debian packages are needed and could not be installed: {string.Join(' ', still)}.");
    }

    private static List<string> Missing(ReadOnlySpan<string> packages)
    {
        var missing = new List<string>();
        foreach (var package in packages)
        {
            var (code, output) = Execute("dpkg-query", ["-W", "-f=${Status}", package]);
            if (code != 0 || !output.StartsWith("install ok installed", StringComparison.Ordinal)) missing.Add(package);
        }

        return missing;
    }

    // apt's own lock fails at once; test projects that run side by side wait for each other here.
    private static FileStream Lock()
    {
        var path = Path.Join(Path.GetTempPath(), "modelfs-debian-packages.lock");
        for (var started = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (Stopwatch.GetElapsedTime(started) < Patience)
            {
                Thread.Sleep(200);
            }
        }
    }

    private static void Run(string program, string[] arguments)
    {
        var (code, output) = Execute(program, arguments);
        if (code != 0)
            throw new InvalidOperationException(
                $"`{program} {string.Join(' ', arguments)}` ended with {code}. "
                + $"The tests need these packages; install them as root.\n{output}");
    }

    private static (int Code, string Output) Execute(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException(
                $"{program} cannot be started ({e.Message}): is this a Debian? The tests need its packages.", e);
        }

        using (process)
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(Patience))
            {
                process.Kill(entireProcessTree: true);
                throw new InvalidOperationException($"{program} did not end within {Patience.TotalMinutes:0} minutes.");
            }

            return (process.ExitCode, output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult());
        }
    }
}
