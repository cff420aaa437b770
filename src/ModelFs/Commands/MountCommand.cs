using System.CommandLine;
using System.Globalization;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Hosting;

namespace ModelFs.Commands;

internal static class MountCommand
{
    public static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "An empty directory; it is made when its parent is there." };
        var daemon = new Option<bool>("--daemon") { Description = "Go to the background, and return when the mount answers." };
        var logFile = new Option<string?>("--log-file")
        {
            HelpName = "FILE",
            Description = "With --daemon: where it logs (default modelfs.log in the cache directory).",
        };
        var reportTo = new Option<int?>("--report-fd") { Hidden = true };
        var command = new Verb("mount", "Mounts registries on a directory and serves it until SIGTERM, Ctrl-C or modelfs umount.",
            "modelfs mount ~/models --registry MLFLOW=mlflow:http://127.0.0.1:5000 --daemon");
        command.Arguments.Add(mountPoint);
        var settings = new SettingOptions(command, [.. Setting.All.Select(s => s.Key)]);
        command.Options.Add(daemon);
        command.Options.Add(logFile);
        command.Options.Add(reportTo);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var report = parsed.GetValue(reportTo) is { } descriptor ? StartReport.To(descriptor) : StartReport.None;
            try
            {
                var (options, warnings) = settings.Read(parsed);
                var where = MountPoints.RealPath(parsed.GetValue(mountPoint)!);
                if (parsed.GetValue(logFile) is not null && !parsed.GetValue(daemon))
                    throw new ConfigurationException("--log-file: goes with --daemon; in the foreground the log is standard error");
                // Before anything is made: the log would lie where the mount goes.
                if (MountPoints.Entanglement(where, MountPoints.RealPath(options.Cache)) is { } entangled)
                    throw new ConfigurationException($"{entangled}: mount elsewhere, or give another cache with --cache DIR");
                if (!parsed.GetValue(daemon) || parsed.GetValue(reportTo) is not null)
                {
                    await MountHost.RunAsync(options, warnings, where, report, cancellation);
                    return ExitCode.Ok;
                }

                return await DetachAsync(options, parsed.GetValue(logFile), cancellation);
            }
            catch (Exception e) when (e is CommandException or ConfigurationException)
            {
                report.Send(e.Message);
                throw;
            }
        });
        return command;
    }

    private static async Task<int> DetachAsync(ModelFsOptions options, string? logFile, CancellationToken cancellation)
    {
        var log = Path.GetFullPath(logFile ?? Path.Combine(options.Cache, "modelfs.log"));
        // The same command line once more; the report's descriptor tells the child that it is the daemon.
        var arguments = Environment.GetCommandLineArgs().Skip(1).ToList();
        arguments.InsertRange(arguments.IndexOf("mount") + 1, ["--report-fd", DetachedProcess.ReportDescriptor.ToString(CultureInfo.InvariantCulture)]);
        var (exitCode, error) = await DetachedProcess.StartAsync(
            Executable.Current, arguments, log, warning => Console.Error.WriteLine("modelfs: " + warning), cancellation);
        return exitCode switch
        {
            ExitCode.Ok => exitCode,
            ExitCode.Usage => throw new ConfigurationException(error!),
            _ => throw new CommandException(error!),
        };
    }
}
