using System.CommandLine;
using ModelFs.Configuration;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class EnvCommand
{
    /// <summary>Where the DaemonSet mounts.</summary>
    private const string NodeMountPoint = "/var/lib/modelfs/mnt";

    public static Command Create()
    {
        var mountPoint = new Argument<string?>("MOUNTPOINT")
        {
            Description = $"Where the registries are mounted on the host (default: where the daemon of this cache mounts them, else {NodeMountPoint}).",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var forms = new (Option<bool> Option, Func<ConsumerEnvironment, string> Write)[]
        {
            (new("--shell") { Description = "As exports of a shell (the default): eval \"$(modelfs env)\"." }, e => e.Shell()),
            (new("--kubernetes") { Description = "As env, volumeMounts and volumes of a pod." }, e => e.Kubernetes()),
            (new("--compose") { Description = "As a service of a compose file." }, e => e.Compose()),
            (new("--dockerfile") { Description = "As lines of a Dockerfile, with the mount that docker run needs." }, e => e.Dockerfile()),
        };
        var command = new Verb(
            "env", "Prints what to set where models are read: a variable MODELS_<REGISTRY> for each registry's directory. Never a secret.",
            "modelfs env --kubernetes");
        command.Arguments.Add(mountPoint);
        foreach (var (option, _) in forms)
            command.Options.Add(option);
        var settings = new SettingOptions(command, "cache");
        command.SetAction(async (parsed, cancellation) =>
        {
            var (options, warnings) = settings.Read(parsed);
            foreach (var warning in warnings)
                await Console.Error.WriteLineAsync("modelfs: " + warning);
            var (mounted, unknown) = await AskMountAsync(options, cancellation);
            var where = parsed.GetValue(mountPoint) is { } given ? Path.GetFullPath(given) : mounted ?? NodeMountPoint;
            if (where == mounted && unknown.Count > 0)
                throw new ConfigurationException($"the mount at {mounted} has {string.Join(", ", unknown)} from its own command line or file: give the same --registry or --config here");
            LocalStore.RequireRegistries(options);
            var chosen = forms.Where(f => parsed.GetValue(f.Option)).ToList();
            if (chosen.Count > 1)
                throw new ConfigurationException($"{string.Join(" and ", chosen.Select(f => f.Option.Name))} exclude each other; ask for one at a time");
            var write = chosen is [var one] ? one.Write : forms[0].Write;
            await Console.Out.WriteAsync(write(new ConsumerEnvironment(options, where)));
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>Where this cache is mounted, if it is, and the registries there that this command line does not know of.</summary>
    private static async Task<(string? MountPoint, IReadOnlyList<string> Unknown)> AskMountAsync(ModelFsOptions options, CancellationToken cancellation)
    {
        await using var daemon = await DaemonStore.ConnectAsync(ControlSocket.Find(options.Cache), cancellation);
        if (daemon is null)
            return (null, []);
        var unknown = (await daemon.ListRegistriesAsync(cancellation)).Except(options.Registries.Select(r => r.Name)).ToList();
        return ((await daemon.GetDaemonAsync(cancellation)).MountPoint, unknown);
    }
}
