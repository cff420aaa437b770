using System.Security.Cryptography;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

/// <summary>Sealed files on a real mount: the kernel reads them itself. Needs root and Linux 6.9.</summary>
[Collection("mounts")]
public sealed class PassthroughTests
{
    private const string Weights = "MLFLOW/bert/1/weights";
    private const string InTree = "WWW/dir/weights";
    private const int Size = 5_000_123;

    /// <summary>Reads a whole file in each way there is, and prints the digest of each. O_DIRECT reads whole pages, and the rest without it.</summary>
    private const string EveryWay = """
        import hashlib, mmap, os, sys
        path = sys.argv[1]
        size = os.stat(path).st_size
        def say(data): print(hashlib.sha256(data).hexdigest())
        def opened(flags=0): return os.open(path, os.O_RDONLY | flags)
        fd = opened()
        for flags in (mmap.MAP_SHARED, mmap.MAP_PRIVATE):
            say(mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ))
        copy = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        at = 0
        while at < size:
            at += os.sendfile(copy, fd, at, size - at)
        say(os.pread(copy, size, 0))
        reader, writer = os.pipe()
        spliced = bytearray()
        at = 0
        while at < size:
            count = os.splice(fd, writer, min(65536, size - at), offset_src=at)
            at += count
            while count:
                part = os.read(reader, count)
                spliced += part
                count -= len(part)
        say(spliced)
        direct = opened(os.O_DIRECT)
        page = mmap.mmap(-1, 1 << 20)
        whole = bytearray()
        while len(whole) < size:
            count = os.preadv(direct, [page], len(whole))
            whole += page[:count]
        say(whole[:size])
        blocks = {}
        for at in sorted(range(0, size, 4096), key=lambda at: at * 7919 % 104729):
            blocks[at] = os.pread(fd, 4096, at)
        say(b"".join(blocks[at] for at in sorted(blocks)))
        """;

    [Fact]
    public async Task A_sealed_file_is_read_by_the_kernel_itself_and_is_the_same_file()
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        Assert.Null(mount.FileSystem.PassthroughObstacle);
        var stat = $"stat -c '%i %s %Y %b %h' {Weights}";
        var before = await mount.RunAsync(stat);
        Assert.Equal("lazy", await ModeAsync(mount));
        Assert.Equal(DigestOf(tree), await DigestAsync(mount));
        await UntilSealedAsync(tree, mount);

        var served = tree.Cache.Status.ServedBytes;
        Assert.Equal(DigestOf(tree), await DigestAsync(mount));
        Assert.Equal(served, tree.Cache.Status.ServedBytes);
        Assert.Equal(before, await mount.RunAsync(stat));
        Assert.Equal("", await mount.RunAsync($"find {Weights} -newer MLFLOW/bert/1/MLmodel"));
        Assert.Equal(before.Split(' ')[0] + "\n", await mount.RunAsync("ls -i MLFLOW/bert/1 | sed -n 's/ *\\([0-9]*\\) weights/\\1/p'"));
    }

    [Fact]
    public async Task Whichever_way_a_sealed_file_is_read_it_gives_its_bytes()
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        await SealAsync(tree, mount);
        var served = tree.Cache.Status.ServedBytes;
        Assert.Equal(string.Concat(Enumerable.Repeat(DigestOf(tree) + "\n", 6)), await PythonAsync(mount, EveryWay, Weights, "../copy"));
        Assert.Equal(served, tree.Cache.Status.ServedBytes);
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData(InTree)]
    public async Task Whoever_opened_a_file_before_it_was_sealed_reads_on_while_others_pass_through(string path)
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        var reader = PythonAsync(mount, """
            import hashlib, mmap, os, sys, time
            fd = os.open(sys.argv[1], os.O_RDONLY)
            size = os.fstat(fd).st_size
            inode = os.fstat(fd).st_ino
            shared = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
            first = shared[:100]
            open("../opened", "w").close()
            while not os.path.exists("../sealed"):
                time.sleep(0.02)
            for data in (shared, os.pread(fd, size, 0), open(f"/proc/self/fd/{fd}", "rb").read(), open(sys.argv[1], "rb").read()):
                print(hashlib.sha256(data).hexdigest())
            print(first == shared[:100], inode == os.stat(sys.argv[1]).st_ino == os.fstat(fd).st_ino)
            """, path);
        await mount.UntilAsync("opened");
        await SealAsync(tree, mount, path);

        // Each page of the old node was read by its holder, if at all; so nothing of this comes to us.
        var served = tree.Cache.Status.ServedBytes;
        Assert.Equal(DigestOf(tree), await DigestAsync(mount, path));
        Assert.Equal(served, tree.Cache.Status.ServedBytes);
        mount.Tell("sealed");
        Assert.Equal(string.Concat(Enumerable.Repeat(DigestOf(tree) + "\n", 4)) + "True True\n", await reader);
        Assert.True(tree.Cache.Status.ServedBytes > served);
    }

    [Fact]
    public async Task Thirty_two_processes_that_open_a_file_while_it_is_sealed_all_get_its_bytes()
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        var readers = mount.RunAsync(
            $"exec 3< {Weights}; for i in $(seq 32); do {{ touch ../begun; n=0; while [ ! -e ../done ] || [ $n -lt 2 ]; do n=$((n+1)); sha256sum < {Weights}; done; }} & done; wait");
        await mount.UntilAsync("begun");
        await SealAsync(tree, mount);
        mount.Tell("done");
        var digests = (await readers).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(digests.Length >= 64);
        Assert.All(digests, digest => Assert.StartsWith(DigestOf(tree), digest, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_reader_that_is_killed_lets_go_of_the_object()
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        await SealAsync(tree, mount);
        Assert.Equal("killed\n", await mount.RunAsync(
            $"python3 -c 'import mmap, os, sys, time; m = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), 0, prot=mmap.PROT_READ); sum(m[::4096]); open(\"../mapped\", \"w\").close(); time.sleep(60)' {Weights} & "
            + "while [ ! -e ../mapped ]; do sleep 0.02; done; kill -9 $!; { wait $!; } 2>/dev/null; echo killed"));
        await TreeUnderTest.EventuallyAsync(() =>
        {
            tree.Time.Advance(TimeSpan.FromSeconds(6));
            return tree.Cache.Status.OpenObjects == 0;
        });
        Assert.Equal(DigestOf(tree), await DigestAsync(mount));
    }

    [Fact]
    public async Task An_object_that_is_unlinked_under_its_readers_is_read_to_the_end_and_is_right_afterwards()
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        await SealAsync(tree, mount);
        var reader = mount.RunAsync($"exec 3< {Weights}; head -c 100000 <&3 > ../copy; touch ../opened; while [ ! -e ../unlinked ]; do sleep 0.02; done; cat <&3 >> ../copy; sha256sum < {Weights}; sha256sum < ../copy");
        await mount.UntilAsync("opened");
        foreach (var file in Directory.GetFiles(Path.Combine(tree.Cache.Status.Directory, "objects"), "*", SearchOption.AllDirectories))
            File.Delete(file);
        mount.Tell("unlinked");
        Assert.Equal($"{DigestOf(tree)}  -\n{DigestOf(tree)}  -\n", await reader);
        tree.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(DigestOf(tree), await DigestAsync(mount));
    }

    private static async Task UntilSealedAsync(TreeUnderTest tree, Mounted mount, string path = Weights)
    {
        for (var end = DateTime.UtcNow + TimeSpan.FromMinutes(1); await ModeAsync(mount, path) != "passthrough"; await Task.Delay(20))
            Assert.True(DateTime.UtcNow < end, $"it was not sealed: {await ModeAsync(mount, path)}, {tree.Cache.Status}");
    }

    /// <summary>Completes the file from inside, so that nobody has read it through the mount.</summary>
    private static async Task SealAsync(TreeUnderTest tree, Mounted mount, string path = Weights)
    {
        var found = await tree.Tree.ResolveAsync(path, followLast: true, CancellationToken.None);
        using (var handle = tree.Tree.Open(Assert.IsAssignableFrom<ContentNode>(found.Value)))
            Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        await UntilSealedAsync(tree, mount, path);
    }

    private static async Task<string> DigestAsync(Mounted mount, string path = Weights) => (await mount.RunAsync($"sha256sum {path}")).Split(' ')[0];

    private static Task<string> ModeAsync(Mounted mount, string path = Weights) => mount.RunAsync($"getfattr --only-values -n user.modelfs.mode {path}");

    private static async Task<string> PythonAsync(Mounted mount, string program, params string[] arguments)
    {
        await File.WriteAllTextAsync(Path.Combine(mount.Directory, "program.py"), program);
        return await mount.RunAsync($"python3 ../program.py {string.Join(' ', arguments)}");
    }

    private static string DigestOf(TreeUnderTest tree) =>
        Convert.ToHexStringLower(SHA256.HashData(tree.Registry.Models["bert"].Versions["1"].Files["weights"].Bytes));

    private static Task<TreeUnderTest> StartAsync()
    {
        var bytes = new byte[Size];
        new Random(7).NextBytes(bytes);
        var files = new MemoryFiles();
        files.Put("dir/weights", bytes, "\"1\"");
        return TreeUnderTest.StartAsync(
            registry => registry.Add("bert").With(1, ("MLmodel", "one")).Versions["1"].Files["weights"] = new TestFile(bytes), files: files);
    }
}
