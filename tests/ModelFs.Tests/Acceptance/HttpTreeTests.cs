using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>Trees of files of real web servers, mounted.</summary>
[Collection("mounts")]
public sealed class HttpTreeTests : IDisposable
{
    private const int Block = 256 << 10;
    private const int Large = 24 * Block;

    private const string ShortTtl = "1s";

    private static readonly string[] AwkwardNames =
    [
        "plain.txt", "with space.txt", "ünïcode-日本.txt", "100%.txt", "a%2Fb.txt", "a+b.txt", "hash#tag.txt", "what?.txt", "amp&amp;.txt", "a&b.txt",
        "quo\"te.txt", "it's.txt", "<tag>.txt", "semi;colon.txt", "co:lon.txt", "back\\slash.txt", "tilde~.txt", "[br](ack){et}.txt", " leading", "trailing ",
    ];

    private readonly Scratch scratch = new();

    private string Files => scratch["files"];

    private string Mounted => scratch["mnt", "WWW"];

    public void Dispose() => scratch.Dispose();

    private Task<FileServer> StartAsync(string kind) =>
        kind == "nginx" ? FileServer.StartNginxAsync(Files, scratch["server"]) : FileServer.StartPythonAsync(Files, scratch["server"]);

    private void Write(string path, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Files, path))!);
        File.WriteAllBytes(Path.Combine(Files, path), content);
    }

    private static byte[] Filled(char with, int length) => System.Text.Encoding.ASCII.GetBytes(new string(with, length));

    /// <summary>A registry whose names are believed for so long.</summary>
    private string Configured(FileServer server, string ttl = ShortTtl) =>
        scratch.Write("config.yaml", $"registries:\n  WWW:\n    kind: http\n    uri: http://127.0.0.1:{server.Port}/\n    foundTtl: {ttl}\n    absentTtl: {ttl}\n");

    /// <summary>Puts another content in the place of a file, all at once, as publishers do.</summary>
    private void Replace(string path, byte[] content)
    {
        Write(path + ".new", content);
        // A date of its own: Last-Modified counts in seconds.
        File.SetLastWriteTimeUtc(Path.Combine(Files, path + ".new"), File.GetLastWriteTimeUtc(Path.Combine(Files, path)).AddSeconds(10));
        File.Move(Path.Combine(Files, path + ".new"), Path.Combine(Files, path), overwrite: true);
    }

    [Theory]
    [InlineData("nginx")]
    [InlineData("python")]
    public async Task A_directory_of_a_web_server_is_mounted_with_every_file_as_it_is(string kind)
    {
        foreach (var name in AwkwardNames)
            Write(name, System.Text.Encoding.UTF8.GetBytes(name));
        Write("sub dir/deeper/large.bin", Filled('x', Large + 17));
        Write("sub dir/empty", []);
        Directory.CreateDirectory(Path.Combine(Files, "empty directory"));
        // nginx shows no names with a dot in front; it has them all the same.
        Write("sub dir/.hidden", "seen"u8.ToArray());
        await using var server = await StartAsync(kind);
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--registry", server.Registry]);

        var hidden = kind == "nginx" ? "-x .hidden" : "";
        var same = await Shell.RunAsync($"diff -r {hidden} '{Files}' '{Mounted}'");
        Assert.Equal((0, "", ""), (same.ExitCode, same.Output, same.Error));
        var find = $"find . ! -name .hidden -printf '%y %P\\n' | LC_ALL=C sort";
        Assert.Equal((await Shell.RunAsync($"cd '{Files}' && {find}")).Output, (await Shell.RunAsync($"cd '{Mounted}' && {find}")).Output);
        Assert.Equal("seen", (await Shell.RunAsync($"cat '{Mounted}/sub dir/.hidden'")).Output);
        Assert.Contains("No such file or directory", (await Shell.RunAsync($"cat '{Mounted}/sub dir/absent'")).Error, StringComparison.Ordinal);
        const string stat = "stat -c '%s %Y' 'sub dir/deeper/large.bin' '100%.txt'";
        Assert.Equal((await Shell.RunAsync($"cd '{Files}' && {stat}")).Output, (await Shell.RunAsync($"cd '{Mounted}' && {stat}")).Output);
        Assert.Equal(0, await mount.TerminateAsync());
    }

    [Theory]
    [InlineData("nginx")]
    [InlineData("python")]
    public async Task A_file_that_changes_on_its_server_is_the_old_one_or_an_error_or_the_new_one_and_never_a_mixture(string kind)
    {
        Write("f", Filled('a', Large));
        await using var server = await StartAsync(kind);
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--config", Configured(server)]);

        // Opened twice before the change: of one the end is read before it, of the other everything after it.
        var go = scratch["go"];
        var reading = Shell.RunAsync(
            $"exec 3< '{Mounted}/f' 4< '{Mounted}/f'; tail -c 1000 <&3 | tr -d a | wc -c; echo > {go}.ready; "
            + $"while [ ! -e {go} ]; do sleep 0.05; done; cat <&4 > {go}.open; cat '{Mounted}/f' > {go}.again; exit 0");
        await ModelFsProcess.WaitForAsync(() => File.Exists(go + ".ready"), "the first read");
        Replace("f", Filled('b', Large + 1));
        await File.WriteAllTextAsync(go, "");
        Assert.Equal(["0"], (await reading).Lines);
        Assert.Equal(["0"], (await Shell.RunAsync($"tr -d a < {go}.open | wc -c")).Lines);
        Assert.Contains("0", (await Shell.RunAsync($"tr -d a < {go}.again | wc -c; tr -d b < {go}.again | wc -c")).Lines);

        // Whoever opens it after the TTL reads the new one, whole.
        var sum = (await Shell.RunAsync($"sha256sum < '{Files}/f'")).Output;
        await Shell.UntilAsync($"sha256sum < '{Mounted}/f'", read => read.Output == sum);
        Assert.Equal(0, await mount.TerminateAsync());
    }

    [Fact]
    public async Task A_directory_of_ten_thousand_files_is_listed_the_second_time_without_the_server()
    {
        for (var i = 0; i < 10_000; i++)
            Write($"many/file-{i:D5}", []);
        for (var i = 0; i < 300; i++)
            Write($"some/file-{i:D3}", []);
        await using var server = await StartAsync("nginx");
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--config", Configured(server, "1h")]);

        var list = $"ls '{Mounted}/many' | wc -l; ls -l '{Mounted}/some' | grep -c file-";
        Assert.Equal(["10000", "300"], (await Shell.RunAsync(list)).Lines);
        await ModelFsProcess.WaitForAsync(() => server.Requests("/some/file-") >= 300 && server.Requests("/many/") >= 1, "the log of the server");
        var asked = (server.Requests("/many"), server.Requests("/some"));
        Assert.Equal(["10000", "300"], (await Shell.RunAsync(list)).Lines);
        Assert.Equal(asked, (server.Requests("/many"), server.Requests("/some")));
        Assert.Equal(0, await mount.TerminateAsync());
    }

    [Fact]
    public async Task A_web_server_that_is_killed_leaves_what_is_known_and_is_used_again_when_it_is_back()
    {
        Write("d/read", Filled('r', 3 * Block));
        Write("d/unread", Filled('u', 3 * Block));
        await using var server = await StartAsync("nginx");
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--config", Configured(server)]);
        var sums = (await Shell.RunAsync($"cd '{Files}' && sha256sum d/read")).Output;
        Assert.Equal(sums, (await Shell.RunAsync($"cd '{Mounted}' && sha256sum d/read && ls d > /dev/null")).Output);

        await server.StopAsync();
        Assert.Equal(["read", "unread"], (await Shell.RunAsync($"ls '{Mounted}/d'")).Lines);
        Assert.Equal(sums, (await Shell.RunAsync($"cd '{Mounted}' && sha256sum d/read")).Output);
        Assert.Contains("Input/output error", (await Shell.RunAsync($"cat '{Mounted}/d/never-asked-for'")).Error, StringComparison.Ordinal);

        await server.StartAsync();
        Write("d/fresh", "new"u8.ToArray());
        await Shell.UntilAsync($"cat '{Mounted}/d/unread' | sha256sum; ls '{Mounted}/d'", seen =>
            seen.Lines is [_, "fresh", "read", "unread"] && seen.Error.Length == 0);
        Assert.Equal(0, await mount.TerminateAsync());
    }

    [Fact]
    public async Task Without_an_index_page_ls_says_so_and_names_are_found_all_the_same()
    {
        Write("a/b.txt", "content"u8.ToArray());
        await using var server = await FileServer.StartPythonAsync(Files, scratch["server"]);
        Write("index.html", "<html><title>Welcome</title><p>no files here</p></html>"u8.ToArray());
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--registry", server.Registry]);

        Assert.Contains("Operation not supported", (await Shell.RunAsync($"ls '{Mounted}'")).Error, StringComparison.Ordinal);
        Assert.Equal("content", (await Shell.RunAsync($"cat '{Mounted}/a/b.txt'")).Output);
        Assert.Equal(["b.txt"], (await Shell.RunAsync($"ls '{Mounted}/a'")).Lines);
        Assert.Equal(0, await mount.TerminateAsync());
    }

    [Fact]
    public async Task The_verbs_work_on_a_tree_of_files()
    {
        Write("a b/c.txt", "content"u8.ToArray());
        Write("large.bin", Filled('x', Large));
        await using var server = await StartAsync("nginx");
        string[] flags = ["--registry", server.Registry, "--cache", scratch["cache"]];
        Task<RunResult> RunAsync(params string[] verb) => ModelFsProcess.RunAsync([.. verb, .. flags]);

        Assert.Equal("a b\nlarge.bin\n", (await RunAsync("ls", "WWW")).OutputText);
        Assert.Equal("content", (await RunAsync("cat", "WWW/a b/c.txt")).OutputText);
        Assert.Equal("WWW/a b/c.txt\n", (await RunAsync("resolve", "WWW/a b/c.txt")).OutputText);
        var missing = await RunAsync("cat", "WWW/a b/d.txt");
        Assert.NotEqual(0, missing.ExitCode);
        Assert.Contains("has no 'd.txt'; it has: c.txt", missing.Errors, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("prefetch", "WWW")).ExitCode);
        Assert.Contains("answers", (await RunAsync("status")).OutputText, StringComparison.Ordinal);

        await server.StopAsync();
        Assert.Equal(Large, (await RunAsync("cat", "WWW/large.bin")).Output.Length);
    }
}
