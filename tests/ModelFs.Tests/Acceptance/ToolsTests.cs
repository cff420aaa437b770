using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>The tools of an engineer at a shell, on the mount and on a copy of the same files in a directory: the same answers.</summary>
[Collection("mounts")]
public sealed class ToolsTests : IAsyncLifetime
{
    private readonly Scratch scratch = new();
    private Node node = null!;
    private string version = null!;
    private string native = null!;

    public async Task InitializeAsync()
    {
        DebianPackages.Require("attr");
        (node, var store) = await Node.StartOnStoreAsync(scratch);
        version = $"{node.Models}/iris/2";
        native = Path.Combine(store.Directory, "artifacts", store.Models.Single(m => m.Name == "iris").Versions["2"].Root);
    }

    public async Task DisposeAsync()
    {
        await node.DisposeAsync();
        scratch.Dispose();
    }

    [Theory]
    [InlineData("find . -type f | LC_ALL=C sort")]
    [InlineData("find . -type f -printf '%P %s %y\\n' | LC_ALL=C sort")]
    [InlineData("find . -type f | LC_ALL=C sort | xargs sha256sum")]
    [InlineData("grep -r -l flavors . | LC_ALL=C sort")]
    [InlineData("grep -r -c loader_module MLmodel")]
    [InlineData("stat -c '%s %F' MLmodel empty.bin data/train.bin; stat -c %F . data data/nested")]
    [InlineData("wc -c MLmodel model.pkl data/train.bin data/nested/deep/x.bin empty.bin")]
    [InlineData("tail -c 100 data/train.bin | sha256sum")]
    [InlineData("dd if=data/train.bin bs=1000 skip=77 count=5 status=none | sha256sum")]
    public async Task Says_the_same_as_in_a_directory(string command)
    {
        var there = await Shell.RunAsync($"cd '{native}' && {command}");
        var here = await Shell.RunAsync($"cd '{version}' && {command}");
        Assert.Equal((0, there.Output), (there.ExitCode, here.Output));
        Assert.Equal("", here.Error);
        Assert.NotEmpty(here.Output);
    }

    [Fact]
    public async Task Copies_and_archives_are_the_same_files()
    {
        var copied = await Shell.RunAsync(
            $"cp -r '{version}' {scratch.Path}/copy && diff -r '{native}' {scratch.Path}/copy && " +
            $"mkdir {scratch.Path}/untarred && tar -C '{version}' -cf - . | tar -C {scratch.Path}/untarred -xf - && diff -r '{native}' {scratch.Path}/untarred");
        Assert.Equal((0, "", ""), (copied.ExitCode, copied.Output, copied.Error));
    }

    [Fact]
    public async Task Ls_shows_links_sizes_and_directories()
    {
        var listing = await Shell.RunAsync($"ls -lR {node.Models}/iris");
        Assert.Equal((0, ""), (listing.ExitCode, listing.Error));
        Assert.Contains("champion -> 2", listing.Output);
        Assert.Contains("latest -> 3", listing.Output);
        Assert.Contains("5242880", listing.Output);
        Assert.Matches(@"(?m)^dr-xr-xr-x .* nested$", listing.Output);
        Assert.Matches(@"(?m)^-r--r--r-- .* 488 .* MLmodel$", listing.Output);
    }

    [Fact]
    public async Task Python_maps_a_file()
    {
        var here = await Shell.RunAsync(
            $"python3 -c \"import mmap,hashlib; f=open('{version}/data/train.bin','rb'); m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ); print(len(m), hashlib.sha256(m).hexdigest(), m[4000000:4000004].hex())\"");
        var there = await Shell.RunAsync(
            $"python3 -c \"import hashlib; d=open('{native}/data/train.bin','rb').read(); print(len(d), hashlib.sha256(d).hexdigest(), d[4000000:4000004].hex())\"");
        Assert.Equal((0, there.Output, ""), (here.ExitCode, here.Output, here.Error));
    }

    [Fact]
    public async Task Du_counts_the_files_whole_before_they_are_read()
    {
        var du = await Shell.RunAsync($"du -s --apparent-size -B1 '{version}/data' | cut -f1; du -s -B1 '{version}/data' | cut -f1");
        var sizes = du.Lines.Select(long.Parse).ToArray();
        Assert.All(sizes, size => Assert.InRange(size, 5_242_980, 5_300_000));
    }

    [Fact]
    public async Task Df_names_the_source_and_shows_the_cache()
    {
        var df = await Shell.RunAsync($"df --output=source,fstype,size -B1 {scratch["mnt"]} | tail -1");
        Assert.Equal(0, df.ExitCode);
        var fields = df.Output.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(("modelfs", "fuse.modelfs"), (fields[0], fields[1]));
        Assert.True(long.Parse(fields[2]) > 0);
    }

    [Fact]
    public async Task Getfattr_says_where_a_file_comes_from_and_how_much_is_here()
    {
        var before = await Shell.RunAsync($"getfattr -d --absolute-names '{version}/model.pkl'");
        Assert.Equal((0, ""), (before.ExitCode, before.Error));
        Assert.Contains("user.modelfs.registry=\"MLFLOW\"", before.Output);
        Assert.Contains("user.modelfs.revision=\"2\"", before.Output);
        Assert.Contains("user.modelfs.mode=\"lazy\"", before.Output);
        Assert.Contains("user.modelfs.cached=\"0\"", before.Output);

        await Shell.RunAsync($"cat '{version}/model.pkl'");
        var after = await Shell.UntilAsync($"getfattr -d --absolute-names '{version}/model.pkl'", r => r.Output.Contains("mode=\"passthrough\"", StringComparison.Ordinal));
        Assert.Contains("user.modelfs.cached=\"12288\"", after.Output);
        Assert.Contains("user.modelfs.verified=", after.Output);
    }

    [Theory]
    [InlineData("touch new")]
    [InlineData("sh -c 'echo x > MLmodel'")]
    [InlineData("rm -f MLmodel")]
    [InlineData("mkdir d")]
    [InlineData("mv MLmodel other")]
    [InlineData("ln -s a b")]
    [InlineData("chmod 777 MLmodel")]
    [InlineData("truncate -s 0 MLmodel")]
    public async Task Nothing_can_be_written(string command)
    {
        var result = await Shell.RunAsync($"cd '{version}' && {command}");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("Read-only file system", result.Error);
    }
}
