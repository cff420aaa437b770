using System.CommandLine;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Doctor;
using ModelFs.Fuse;

namespace ModelFs.Commands;

internal static class DoctorCommand
{
    public static Command Create()
    {
        var mountPoint = new Argument<string?>("MOUNTPOINT") { Description = "Where a mount is wanted; looked at too when it is given.", Arity = ArgumentArity.ZeroOrOne };
        var json = new Option<bool>("--json") { Description = "As one JSON document." };
        var command = new Verb(
            "doctor",
            "Looks at all that a mount needs (FUSE, kernel, cache, registries, variables) and says what is wrong and what to do. Fails where something is wrong.",
            "modelfs doctor /models");
        command.Arguments.Add(mountPoint);
        command.Options.Add(json);
        var settings = new SettingOptions(command, "cache", "index");
        command.SetAction(async (parsed, cancellation) =>
        {
            var input = settings.Input(parsed);
            var (options, _) = ConfigurationReader.Read(input);
            var findings = new List<Finding>(new KernelChecks("/", Environment.IsPrivilegedProcess).Run(options));
            findings.AddRange(await CacheChecks.RunAsync(options, MountTable.Read(), cancellation));
            findings.AddRange(await MountChecks.RunAsync(options, parsed.GetValue(mountPoint), cancellation));
            findings.AddRange(await RegistryChecks.RunAsync(options, cancellation));
            findings.AddRange(VariableChecks.Run(input));
            await Console.Out.WriteLineAsync(parsed.GetValue(json) ? JsonText.Of(findings, ReportJson.Default.IReadOnlyListFinding) : Text(findings));
            return findings.Any(f => f.Verdict == Verdict.Fail) ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    private static string Text(IReadOnlyList<Finding> findings) => string.Join('\n', findings.Select(f =>
        $"{f.Verdict.ToString().ToLowerInvariant(),-4}  {f.Check}: {f.Found.ReplaceLineEndings(" ")}{(f.Do is null ? "" : $": {f.Do}")}"));
}
