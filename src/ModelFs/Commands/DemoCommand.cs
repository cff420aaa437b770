using System.CommandLine;
using ModelFs.Control;
using ModelFs.Demo;
using ModelFs.Hosting;

namespace ModelFs.Commands;

internal static class DemoCommand
{
    public static Command Create()
    {
        var keep = new Option<bool>("--keep") { Description = "Leave it mounted to look around in, until Ctrl-C." };
        var command = new Verb(
            "demo",
            "Shows what ModelFs does, with nothing set up: makes a small MLflow store, serves it on loopback, mounts it and reads it.",
            "modelfs demo --keep");
        command.Options.Add(keep);
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(keep), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(bool keep, CancellationToken cancellation)
    {
        DemoRequirements.Check(Path.GetTempPath());
        var directory = Directory.CreateTempSubdirectory("modelfs-demo-").FullName;
        try
        {
            var screen = new DemoScreen(Console.Out);
            screen.Title("ModelFs demo: makes a model of 256 MiB …");
            var store = DemoStore.Create(Path.Combine(directory, "store"), DemoStore.DefaultWeightsSize, cancellation);
            await ShowAsync(store, Executable.Current, directory, screen, keep, cancellation);
            return ExitCode.Ok;
        }
        finally
        {
            // A mount that could not be detached is no place to delete in.
            if (!MountPoints.All().Any(m => m.StartsWith(directory + "/", StringComparison.Ordinal)))
                Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Serves, mounts and shows a store that is there already.</summary>
    internal static async Task ShowAsync(
        DemoStore store, Executable executable, string directory, DemoScreen screen, bool keep, CancellationToken cancellation)
    {
        await using var server = await DemoServer.StartAsync(store, port: 0, cancellation);
        await using var mount = await DemoMount.StartAsync(
            executable, Path.Combine(directory, "models"), Path.Combine(directory, "cache"), server.Address, cancellation);
        screen.Title($"An MLflow server at {server.Address} is mounted on {mount.MountPoint}");
        try
        {
            await new DemoRun(store, server, mount, screen).RunAsync(cancellation);
        }
        catch (DemoFailedException e)
        {
            throw new CommandException(e.Message);
        }

        if (keep)
            await KeepAsync(mount, screen, cancellation);
    }

    private static async Task KeepAsync(DemoMount mount, DemoScreen screen, CancellationToken cancellation)
    {
        screen.Title($"""

            It stays mounted until Ctrl-C. In another terminal:
              ls -lR {mount.MountPoint}
              getfattr -d {mount.MountPoint}/MLFLOW/{DemoStore.Model}/1/{DemoStore.Weights}
              modelfs ls -l {mount.MountPoint}/MLFLOW/{DemoStore.Model}
              modelfs status --cache {mount.Cache}
            """);
        try
        {
            await mount.Ended.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C is how this is meant to end.
        }
    }
}
