using System.CommandLine;
using ModelFs.Configuration;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class ConfigCommand
{
    public static Command Create() => new Verb("config", "What is configured, and where.", "modelfs config show")
    {
        CreateShow(),
    };

    private static Verb CreateShow()
    {
        var json = new Option<bool>("--json") { Description = "As one JSON document." };
        var command = new Verb(
            "show", "Shows each setting's value as this command line would use it, and where it came from. Secrets are masked.", "modelfs config show --json");
        command.Options.Add(json);
        var settings = new SettingOptions(command, [.. Setting.All.Select(s => s.Key)]);
        command.SetAction(async (parsed, _) =>
        {
            var input = settings.Input(parsed);
            foreach (var warning in ConfigurationReader.Read(input).Warnings)
                await Console.Error.WriteLineAsync("modelfs: " + warning);
            var shown = EffectiveSettings.Of(input);
            await Console.Out.WriteLineAsync(parsed.GetValue(json) ? JsonText.Of(shown, ReportJson.Default.IReadOnlyListEffectiveSetting) : Text(shown));
            return ExitCode.Ok;
        });
        return command;
    }

    private static string Text(IReadOnlyList<EffectiveSetting> settings)
    {
        var width = settings.Max(s => s.Key.Length);
        return string.Join('\n', settings.Select(s => $"{s.Key.PadRight(width)}  {s.Value ?? "-"} ({s.Source})"));
    }
}
