using System.CommandLine;
using ModelFs.Monitoring;

namespace ModelFs.Commands;

/// <summary>Not for people: the process that a daemon asks its own mount with.</summary>
internal static class ProbeCommand
{
    public static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT");
        var command = new Command("probe", "Says for each line of standard input whether a mount answers.") { Hidden = true };
        command.Arguments.Add(mountPoint);
        command.SetAction(async (parsed, cancellation) =>
        {
            await ProbeProcess.ServeAsync(parsed.GetValue(mountPoint)!, Console.In, Console.Out, cancellation);
            return ExitCode.Ok;
        });
        return command;
    }
}
