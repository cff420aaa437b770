using System.Diagnostics;
using System.Text.RegularExpressions;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Transcripts;

/// <summary>Where the transcripts are played: ada's machine, with an MLflow server on it and <c>modelfs</c> on her path. Each command is a shell of its own.</summary>
internal sealed partial class Stage(Scratch scratch, Origin origin)
{
    private const string Home = "/home/ada";
    private const string Server = "http://127.0.0.1:5000";

    /// <summary>All that may differ from run to run, and what stands for it.</summary>
    private static readonly (Regex What, string Instead)[] Varying =
    [
        (ProcessId(), "process 4711"),
        (JsonProcessId(), "\"pid\": 4711"),
        (Time(), "2026-01-02 03:04"),
        (Seconds(), "2026-01-02 03:04:05Z"),
        (JsonTime(), "\"2026-01-02T03:04:05+00:00\""),
        (Answer(), "answers in 1.5 ms"),
        (JsonAnswer(), "\"milliseconds\": 1.5"),
        (Mount(), "mount       /home/ada/models: the kernel reads complete files itself"),
        (JsonMount(), "\"passthrough\": true"),
        (Used(), "cache       /home/ada/.cache/modelfs: 5.00 MiB of 100 GiB, 4 objects, 4 complete, 0 open"),
        (JsonUsed(), "\"usedBytes\": 5242880"),
        (JsonObjects(), "\"${which}bjects\": 4"),
        (FromOrigin(), "bytes       5.00 MiB from origin, 5.00 MiB served"),
        (JsonBytes(), "\"${which}Bytes\": 5242880"),
        (Progress(), ""),
        (Unused(), "${key} 5 seconds${then}"),
        (Allocated(), "5.00 MiB"),
        (ObjectKey(), "object      0123456789abcdef0123456789abcdef"),
        (DemoDirectory(), "/tmp/modelfs-demo-x"),
        (DemoAddress(), "http://127.0.0.1:5001 is mounted"),
        (DemoSent(), "the server sent 2.00 KiB for it"),
    ];

    /// <returns>Both outputs, and a line with the exit code where it is not 0.</returns>
    public async Task<string> RunAsync(string command)
    {
        var start = new ProcessStartInfo("timeout", ["-s", "KILL", "120", "bash", "-c", $"exec 2>&1; {Real(command)}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = scratch["home"],
        };
        Directory.CreateDirectory(scratch["home"]);
        foreach (var name in start.Environment.Keys.Where(k => k.Split('_')[0] is "MODELFS" or "MLFLOW" or "XDG").ToList())
            start.Environment.Remove(name);
        start.Environment["HOME"] = scratch["home"];
        start.Environment["PATH"] = $"{AppContext.BaseDirectory}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["MLFLOW_TRACKING_URI"] = origin.Server.Address;
        start.Environment["MODELFS_CACHE"] = scratch["home", ".cache", "modelfs"];
        using var shell = Process.Start(start)!;
        shell.StandardInput.Close();
        var output = await shell.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(150));
        await shell.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(150));
        if (output.Length > 0 && !output.EndsWith('\n'))
            output += "\n";
        return Shown(output) + (shell.ExitCode == 0 ? "" : $"[exit code {shell.ExitCode}]\n");
    }

    private string Real(string command) => command.Replace(Home, scratch["home"], StringComparison.Ordinal).Replace(Server, origin.Server.Address, StringComparison.Ordinal);

    private string Shown(string output)
    {
        var shown = output.Replace(scratch["home"], Home, StringComparison.Ordinal).Replace(origin.Server.Address, Server, StringComparison.Ordinal);
        foreach (var (what, instead) in Varying)
            shown = what.Replace(shown, instead);
        return shown;
    }

    [GeneratedRegex(@"process \d+")]
    private static partial Regex ProcessId();

    [GeneratedRegex(@"""pid"": \d+")]
    private static partial Regex JsonProcessId();

    [GeneratedRegex(@"\b20\d\d-\d\d-\d\d \d\d:\d\d(?!:)")]
    private static partial Regex Time();

    [GeneratedRegex(@"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ")]
    private static partial Regex Seconds();

    [GeneratedRegex(@"""20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00""")]
    private static partial Regex JsonTime();

    [GeneratedRegex(@"answers in [0-9.]+ ms")]
    private static partial Regex Answer();

    [GeneratedRegex(@"""milliseconds"": [0-9.]+")]
    private static partial Regex JsonAnswer();

    /// <summary>Whether the kernel reads by itself depends on the kernel and on the filesystem below the cache.</summary>
    [GeneratedRegex(@"mount       /home/ada/models: .*")]
    private static partial Regex Mount();

    [GeneratedRegex(@"(""passthroughObstacle"": "".*"",\n +)?""passthrough"": (true|false)")]
    private static partial Regex JsonMount();

    /// <summary>What a filesystem allocates for files of a known size is its own affair, and a survey may still be under way.</summary>
    [GeneratedRegex(@"cache       /home/ada/\.cache/modelfs: [0-9.]+ [KMG]?i?B of 100 GiB, \d+ objects?, \d+ complete, \d+ open")]
    private static partial Regex Used();

    [GeneratedRegex(@"""usedBytes"": \d+")]
    private static partial Regex JsonUsed();

    [GeneratedRegex(@"""(?<which>o|sealedO|openO)bjects"": \d+")]
    private static partial Regex JsonObjects();

    /// <summary>How far a read-ahead gets depends on who is faster.</summary>
    [GeneratedRegex(@"bytes       [0-9.]+ [KMG]?i?B from origin, [0-9.]+ [KMG]?i?B served")]
    private static partial Regex FromOrigin();

    [GeneratedRegex(@"""(?<which>origin|served)Bytes"": \d+")]
    private static partial Regex JsonBytes();

    /// <summary>Written every five seconds, which a slow machine gets to see.</summary>
    [GeneratedRegex(@"(?m)^\d+/\d+ files, .* (left|of [0-9.]+ [KMG]?i?B)\n")]
    private static partial Regex Progress();

    [GeneratedRegex(@"(?<key>answer {5})? +\d+ (second|minute)s?(?<then> ago| old|$)", RegexOptions.Multiline)]
    private static partial Regex Unused();

    [GeneratedRegex(@"(?<=^ +|^registry .*|in the cache.*|files?, |; )[1-9][0-9.]* [KMG]?i?B(?= +\d+ files?|  M| in |, all as| served| from| in the cache|;| left)", RegexOptions.Multiline)]
    private static partial Regex Allocated();

    [GeneratedRegex("object      [0-9a-f]{32}")]
    private static partial Regex ObjectKey();

    [GeneratedRegex(@"/tmp/modelfs-demo-\w+")]
    private static partial Regex DemoDirectory();

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+ is mounted")]
    private static partial Regex DemoAddress();

    [GeneratedRegex(@"the server sent [0-9.]+ KiB for it")]
    private static partial Regex DemoSent();
}
