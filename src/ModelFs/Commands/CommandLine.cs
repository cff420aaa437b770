using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Diagnostics;
using System.Runtime.InteropServices;
using ModelFs.Configuration;
using ModelFs.Fuse;
using ModelFs.Terminal;

namespace ModelFs.Commands;

/// <summary>The verbs, and what all of them have in common: one line for an error, an exit code, an orderly end on Ctrl-C.</summary>
internal static class CommandLine
{
    /// <summary>
    /// A signal that comes again this soon is the same one, sent to the process and to its group as timeout(1) and shells do.
    /// One that comes later is taken at its word, and ends the process as it is.
    /// </summary>
    private static readonly TimeSpan SecondThoughts = TimeSpan.FromSeconds(1);

    public static RootCommand Build()
    {
        var root = new RootCommand("Mounts model registries as a read-only filesystem, and reads from them lazily.")
        {
            MountCommand.Create(),
            UmountCommand.Create(),
            ListCommand.Create(),
            CatCommand.Create(),
            ResolveCommand.Create(),
            PrefetchCommand.Create(),
            StatCommand.Create(),
            StatusCommand.Create(),
            CacheCommand.Create(),
            ConfigCommand.Create(),
            EnvCommand.Create(),
            DoctorCommand.Create(),
            DemoCommand.Create(),
            ProbeCommand.Create(),
        };
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new ExampleHelp((HelpAction)help.Action!);
        return root;
    }

    public static async Task<int> RunAsync(string[] arguments)
    {
        if (!Console.IsOutputRedirected)
            Console.SetOut(new TerminalWriter(Console.Out));
        var parsed = Build().Parse(arguments);
        // --help helps whatever else is wrong.
        if (parsed.Action is not (HelpAction or ExampleHelp) && Complaint.About(parsed) is { } complaint)
            return Fail(ExitCode.Usage, complaint);
        using var ended = new CancellationTokenSource();
        long signalled = 0;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        try
        {
            // The library would kill the process 2 s after a signal; an unmount may take longer.
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration, ended.Token);
        }
        catch (CommandException e)
        {
            return Fail(e.Code, e.Message);
        }
        catch (Exception e) when (e is FuseMountException or IOException or UnauthorizedAccessException)
        {
            return Fail(ExitCode.Failed, e.Message);
        }
        catch (ConfigurationException e)
        {
            return Fail(ExitCode.Usage, e.Message);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            return Fail(ExitCode.Failed, "interrupted");
        }

        void End(PosixSignalContext signal)
        {
            var first = Interlocked.CompareExchange(ref signalled, Stopwatch.GetTimestamp(), 0);
            signal.Cancel = first == 0 || Stopwatch.GetElapsedTime(first) < SecondThoughts;
            ended.Cancel();
        }
    }

    private static int Fail(int code, string message)
    {
        Console.Error.WriteLine("modelfs: " + TerminalText.Escaped(message.ReplaceLineEndings(" ")));
        return code;
    }
}
