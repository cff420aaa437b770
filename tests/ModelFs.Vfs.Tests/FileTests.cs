using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using System.Text;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

public sealed class FileTests
{
    private const int Large = 1_000_000;

    [Fact]
    public async Task A_file_is_read_from_any_offset_and_ends_at_its_end()
    {
        await using var tree = await StartAsync();
        var bytes = tree.Registry.Models["iris"].Versions["1"].Files["large"].Bytes;
        var node = await tree.NodeAsync("MLFLOW/iris/1/large");
        await tree.Kernel.OpenAsync(node);
        foreach (var (offset, size) in new[] { (0, 10), (300_000, 4096), (Large - 5, 4096), (262_140, 10), (0, Large) })
            Assert.Equal(bytes.Skip(offset).Take(size), (await tree.Kernel.ReadAsync(node, 0, offset, size)).Payload);
        Assert.Empty((await tree.Kernel.ReadAsync(node, 0, Large, 4096)).Payload);
        Assert.Empty((await tree.Kernel.ReadAsync(node, 0, Large + 4096, 4096)).Payload);
        Assert.Empty(await tree.ReadAsync(await tree.NodeAsync("MLFLOW/iris/1/empty")));
    }

    [Fact]
    public async Task Many_readers_cost_the_registry_one_file()
    {
        await using var tree = await StartAsync();
        var bytes = tree.Registry.Models["iris"].Versions["1"].Files["large"].Bytes;
        var node = await tree.NodeAsync("MLFLOW/iris/1/large");
        var reads = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => tree.ReadAsync(node)));
        Assert.All(reads, read => Assert.True(read.AsSpan().SequenceEqual(bytes)));
        Assert.InRange(tree.Cache.Status.OriginBytes, Large, Large);
    }

    [Fact]
    public async Task A_read_without_an_open_of_this_run_is_served()
    {
        await using var tree = await StartAsync();
        var node = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        var open = await tree.Kernel.OpenAsync(node);
        await tree.RestartAsync();
        Assert.Equal("model"u8.ToArray(), (await tree.Kernel.ReadAsync(node, open.Open.Handle, 0, 4096)).Payload);
        Assert.Equal(0, (await tree.Kernel.ReleaseAsync(node, open.Open.Handle)).Error);
    }

    [Fact]
    public async Task An_object_is_open_as_long_as_somebody_has_the_file_open_and_a_little_longer()
    {
        await using var tree = await StartAsync();
        var node = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        await tree.Kernel.OpenAsync(node);
        await tree.Kernel.OpenAsync(node);
        Assert.Equal(1, tree.Cache.Status.OpenObjects);
        await tree.Kernel.ReleaseAsync(node, 0);
        tree.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, tree.Cache.Status.OpenObjects);
        await tree.Kernel.ReleaseAsync(node, 0);
        tree.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(1, tree.Cache.Status.OpenObjects);
        tree.Time.Advance(TimeSpan.FromSeconds(2));
        await TreeUnderTest.EventuallyAsync(() => tree.Cache.Status.OpenObjects == 0);
    }

    [Fact]
    public async Task A_thousand_files_read_one_after_the_other_are_not_all_kept_open()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("many").With(1, [.. Enumerable.Range(0, 200).Select(i => ($"f{i}", $"{i}"))]));
        for (var i = 0; i < 200; i++)
            Assert.Equal($"{i}", Encoding.UTF8.GetString(await tree.ReadAsync(await tree.NodeAsync($"MLFLOW/many/1/f{i}"))));
        await TreeUnderTest.EventuallyAsync(() => tree.Cache.Status.OpenObjects <= 64);
    }

    [Theory]
    [InlineData(RegistryErrorKind.NotFound, Errno.EIO)]
    [InlineData(RegistryErrorKind.Denied, Errno.EACCES)]
    [InlineData(RegistryErrorKind.Unavailable, Errno.EIO)]
    public async Task Bytes_that_cannot_be_had_are_an_error_and_never_an_absent_file(RegistryErrorKind kind, Errno errno)
    {
        await using var tree = await StartAsync();
        var node = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        tree.Registry.Fault = call => call.StartsWith("open", StringComparison.Ordinal) ? new RegistryError(kind, "no") : null;
        Assert.Equal(0, (await tree.Kernel.OpenAsync(node)).Error);
        Assert.Equal(errno, (Errno)(await tree.Kernel.ReadAsync(node, 0, 0, 10)).Error);
        tree.Registry.Fault = null;
        await TreeUnderTest.EventuallyAsync(() => tree.Kernel.ReadAsync(node, 0, 0, 10).Result.Error == 0);
    }

    [Fact]
    public async Task A_hundred_readers_that_wait_let_another_file_be_read()
    {
        await using var tree = await StartAsync();
        var warm = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        await tree.ReadAsync(warm);
        var cold = await tree.NodeAsync("MLFLOW/iris/1/large");
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = call => call.StartsWith("open", StringComparison.Ordinal) ? gate.Task : Task.CompletedTask;
        await tree.Kernel.OpenAsync(cold);
        var waiting = Enumerable.Range(0, 100).Select(i => tree.Kernel.ReadAsync(cold, 0, i * 4096, 4096)).ToList();
        Assert.Equal("model"u8.ToArray(), await tree.ReadAsync(warm));
        Assert.DoesNotContain(waiting, read => read.IsCompleted);
        gate.SetResult();
        Assert.All(await Task.WhenAll(waiting), read => Assert.Equal(4096, read.Payload.Length));
    }

    [Fact]
    public async Task A_size_that_the_registry_does_not_know_is_learned_by_the_first_stat()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
            registry.Add("iris").With(1).Versions["1"].Files["data"] = new TestFile(new byte[12345], IsSizeKnown: false));
        var file = await tree.WalkAsync("MLFLOW/iris/1/data");
        Assert.Equal(12345ul, file.Attributes.Size);
        Assert.Equal(12345ul, (await tree.Kernel.GetAttrAsync(file.Node)).Attributes.Size);
        Assert.Equal(12345ul, (await tree.ListAsync(await tree.NodeAsync("MLFLOW/iris/1"), plus: true)).Last().Entry!.Attributes.Size);
        Assert.Equal(1, tree.Registry.Count("open"));
        await tree.RestartAsync();
        Assert.Equal(12345ul, (await tree.Kernel.GetAttrAsync(file.Node)).Attributes.Size);
        Assert.Equal(1, tree.Registry.Count("open"));
    }

    [Fact]
    public async Task A_file_is_one_extent_of_data()
    {
        await using var tree = await StartAsync();
        var node = await tree.NodeAsync("MLFLOW/iris/1/large");
        const uint data = 3, hole = 4;
        Assert.Equal(0ul, (await tree.Kernel.LSeekAsync(node, 0, 0, data)).U64(0));
        Assert.Equal(500_000ul, (await tree.Kernel.LSeekAsync(node, 0, 500_000, data)).U64(0));
        Assert.Equal((ulong)Large, (await tree.Kernel.LSeekAsync(node, 0, 0, hole)).U64(0));
        Assert.Equal(Errno.ENXIO, (Errno)(await tree.Kernel.LSeekAsync(node, 0, Large, data)).Error);
        Assert.Equal(Errno.ENXIO, (Errno)(await tree.Kernel.LSeekAsync(node, 0, Large, hole)).Error);
        Assert.Equal(Errno.ENXIO, (Errno)(await tree.Kernel.LSeekAsync(node, 0, -1, data)).Error);
    }

    [Fact]
    public async Task Extended_attributes_say_where_a_file_comes_from_and_how_much_is_here()
    {
        await using var tree = await StartAsync(registry => registry.GivesDigests = true);
        var bytes = tree.Registry.Models["iris"].Versions["1"].Files["large"].Bytes;
        var node = await tree.NodeAsync("MLFLOW/iris/1/large");
        Assert.Equal(
            ["user.modelfs.registry", "user.modelfs.revision", "user.modelfs.digest", "user.modelfs.cached", "user.modelfs.verified", "user.modelfs.mode"],
            (await tree.Kernel.ListXAttrAsync(node)).Text.Split('\0', StringSplitOptions.RemoveEmptyEntries));

        async Task<string> Get(string name) => (await tree.Kernel.GetXAttrAsync(node, $"user.modelfs.{name}")).Text;
        Assert.Equal(("MLFLOW", "1", $"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}"), (await Get("registry"), await Get("revision"), await Get("digest")));
        Assert.Equal(("0", "unknown", "lazy"), (await Get("cached"), await Get("verified"), await Get("mode")));
        await tree.ReadAsync(node);
        await TreeUnderTest.EventuallyAsync(() => Get("mode").Result == "passthrough");
        Assert.Equal(($"{Large}", "yes"), (await Get("cached"), await Get("verified")));
    }

    [Fact]
    public async Task Attributes_that_a_node_does_not_have_are_ENODATA_and_other_namespaces_are_not_supported()
    {
        await using var tree = await StartAsync();
        var file = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        Assert.Equal(Errno.ENODATA, (Errno)(await tree.Kernel.GetXAttrAsync(file, "user.modelfs.digest")).Error);
        Assert.Equal(Errno.ENODATA, (Errno)(await tree.Kernel.GetXAttrAsync(file, "user.other")).Error);
        Assert.Equal(Errno.EOPNOTSUPP, (Errno)(await tree.Kernel.GetXAttrAsync(file, "security.selinux")).Error);
        Assert.Equal("user.modelfs.registry\0", (await tree.Kernel.ListXAttrAsync(await tree.NodeAsync("MLFLOW/iris"))).Text);
        Assert.Equal("1", (await tree.Kernel.GetXAttrAsync(await tree.NodeAsync("MLFLOW/iris/1"), "user.modelfs.revision")).Text);
        Assert.Equal("", (await tree.Kernel.ListXAttrAsync(1)).Text);
        Assert.Equal(Errno.ENODATA, (Errno)(await tree.Kernel.GetXAttrAsync(1, "user.modelfs.registry")).Error);
    }

    [Fact]
    public async Task Attributes_of_a_node_that_means_nothing_any_more_are_ESTALE_and_never_empty()
    {
        await using var tree = await StartAsync();
        var file = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        foreach (var (node, attribute) in new[] { (file + (1ul << 50), "registry"), (file + (1ul << 50), "mode"), (file + (1ul << 20), "cached") })
        {
            Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.GetXAttrAsync(node, $"user.modelfs.{attribute}")).Error);
            Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.ListXAttrAsync(node)).Error);
        }
    }

    [Fact]
    public async Task Df_shows_the_cache()
    {
        await using var tree = await StartAsync();
        var reply = await tree.Kernel.StatFsAsync();
        var (blocks, free) = (reply.U64(0), reply.U64(8));
        Assert.Equal((ulong)tree.Cache.Status.MaxBytes / 4096, blocks);
        Assert.InRange(free, 1ul, blocks);
    }

    [Fact]
    public async Task A_warm_read_and_a_known_name_cost_no_allocation()
    {
        await using var tree = await StartAsync();
        var version = await tree.NodeAsync("MLFLOW/iris/1");
        var node = await tree.NodeAsync("MLFLOW/iris/1/large");
        await tree.ReadAsync(node);
        await tree.Kernel.OpenAsync(node);
        var buffer = new byte[64 * 1024];

        // Nothing here may touch the request: what is in memory is answered without asking who wants it.
        bool Round() =>
            tree.FileSystem.ReadAsync(null!, node, 0, 128 * 1024, buffer) is { IsCompletedSuccessfully: true, Result: { IsOk: true, Value: 64 * 1024 } }
            && tree.FileSystem.LookupAsync(null!, version, "large"u8) is { IsCompletedSuccessfully: true, Result.IsOk: true }
            && tree.FileSystem.LookupAsync(null!, version, "absent"u8) is { IsCompletedSuccessfully: true, Result.IsOk: true }
            && tree.FileSystem.GetAttributesAsync(null!, node) is { IsCompletedSuccessfully: true, Result.IsOk: true };
        async Task<(bool All, long Allocated)> MeasureAsync(UnmanagedMemoryAccessor pages)
        {
            for (long at = 0; at < pages.Capacity; at += Environment.SystemPageSize)
                pages.ReadByte(at);
            await TreeUnderTest.EventuallyAsync(Round);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var all = true;
            for (var i = 0; i < 1000; i++)
                all &= Round();
            return (all, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        // An object that has just been sealed, or a page that the machine took back, makes one read wait; what always allocates shows each time.
        await TreeUnderTest.EventuallyAsync(() => tree.Kernel.GetXAttrAsync(node, "user.modelfs.mode").Result.Text == "passthrough");
        // Our own reads keep nothing in memory; what somebody maps stays there.
        var stored = new DirectoryInfo(Path.Combine(tree.Cache.Status.Directory, "objects")).EnumerateFiles("*", SearchOption.AllDirectories).Single(file => file.Length == Large);
        using var mapping = MemoryMappedFile.CreateFromFile(stored.FullName, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        using var view = mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        var measured = new List<(bool All, long Allocated)>();
        while (measured.Count < 5 && !measured.Contains((true, 0)))
            measured.Add(await MeasureAsync(view));
        Assert.Contains((true, 0), measured);
    }

    private static Task<TreeUnderTest> StartAsync(Action<MemoryRegistry>? configure = null) => TreeUnderTest.StartAsync(registry =>
    {
        var large = new byte[Large];
        new Random(1).NextBytes(large);
        registry.Add("iris").With(1, ("MLmodel", "model"), ("empty", "")).Versions["1"].Files["large"] = new TestFile(large);
        configure?.Invoke(registry);
    });
}
