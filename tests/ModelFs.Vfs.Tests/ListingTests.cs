using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Listings;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

public sealed class ListingTests
{
    private const int Many = 100_000;

    [Fact]
    public async Task A_hundred_thousand_models_come_page_by_page_and_each_once()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => AddMany(registry, Many));
        var registry = await tree.NodeAsync("MLFLOW");
        var names = (await tree.ListAsync(registry, size: 128 * 1024)).Skip(2).Select(entry => entry.Name).ToList();
        Assert.Equal(Many, names.Count);
        Assert.Equal(tree.Registry.Models.Keys.Order(StringComparer.Ordinal), names);
        Assert.Equal(Many / tree.Registry.PageSize, tree.Registry.Calls.Count);

        tree.Registry.ForgetCalls();
        Assert.Equal(Many + 2, (await tree.ListAsync(registry, plus: true, size: 128 * 1024)).Count);
        Assert.NotEqual(0ul, (await tree.LookupAsync(registry, names[Many / 2])).Node);
        Assert.Empty(tree.Registry.Calls);
    }

    [Fact]
    public async Task The_beginning_of_a_huge_directory_costs_one_page()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => AddMany(registry, 5000));
        var first = await tree.Kernel.ReadDirAsync(await tree.NodeAsync("MLFLOW"), 0, 0, 4096);
        Assert.NotEmpty(first.Directory(plus: false));
        Assert.Equal(["models "], tree.Registry.Calls);
    }

    [Fact]
    public async Task A_reader_ahead_of_the_pages_waits_and_blocks_nobody()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            AddMany(registry, 20);
            registry.PageSize = 10;
        });
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = call => call == "models 10" ? gate.Task : Task.CompletedTask;
        var registry = await tree.NodeAsync("MLFLOW");
        var arrived = (await tree.Kernel.ReadDirAsync(registry, 0, 0, 4096)).Directory(plus: false);
        Assert.Equal(12, arrived.Count);

        // More who wait than the session has threads.
        var waiting = Enumerable.Range(0, 8).Select(_ => tree.Kernel.ReadDirAsync(registry, 0, arrived[^1].Next, 4096)).ToList();
        Assert.NotEqual(0ul, (await tree.LookupAsync(registry, "model-00003")).Node);
        Assert.DoesNotContain(waiting, task => task.IsCompleted);
        gate.SetResult();
        foreach (var reply in await Task.WhenAll(waiting))
            Assert.Equal(10, reply.Directory(plus: false).Count);
        Assert.Equal(1, tree.Registry.Count("models 10"));
    }

    [Fact]
    public async Task A_name_that_comes_twice_because_the_registry_pages_by_offset_is_shown_once()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            AddMany(registry, 20);
            registry.PageSize = 10;
        });
        var registry = await tree.NodeAsync("MLFLOW");
        var first = (await tree.Kernel.ReadDirAsync(registry, 0, 0, 4096)).Directory(plus: false);
        tree.Registry.Add("a new one, before all others");
        var rest = await tree.ListAsync(registry, offset: first[^1].Next);
        var names = first.Concat(rest).Skip(2).Select(entry => entry.Name).ToList();
        Assert.Equal(20, names.Count);
        Assert.Equal(20, names.Distinct().Count());
    }

    [Fact]
    public async Task A_page_that_fails_is_an_error_and_the_next_reader_goes_on_there()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            AddMany(registry, 20);
            registry.PageSize = 10;
        });
        tree.Registry.Fault = call => call == "models 10" ? MemoryRegistry.Down : null;
        var registry = await tree.NodeAsync("MLFLOW");
        var first = (await tree.Kernel.ReadDirAsync(registry, 0, 0, 4096)).Directory(plus: false);
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.ReadDirAsync(registry, 0, first[^1].Next, 4096)).Error);

        tree.Registry.Fault = null;
        tree.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(10, (await tree.ListAsync(registry, offset: first[^1].Next)).Count);
    }

    [Fact]
    public async Task A_listing_that_never_ends_is_cut_off()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => AddMany(registry, 30));
        var endless = new EndlessRegistry(tree.Registry);
        await using var other = new ModelTree(
            [("R", endless)], tree.Cache, new TreeOptions(), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System);
        var last = default(TreeResult<TreeNode>);
        await foreach (var result in other.ListAsync(new RegistryNode("R"), default))
            last = result;
        Assert.Equal(Errno.EIO, last.Error);
        Assert.Contains("does not end", last.Message, StringComparison.Ordinal);
        Assert.True(endless.Pages < 30);
    }

    [Fact]
    public async Task Listings_that_are_begun_again_and_again_and_never_finished_do_not_pile_up()
    {
        var time = new VirtualTime();
        await using var errands = new Errands();
        await using var registry = new MemoryRegistry();
        var pages = new ListingPages("R", registry, errands, time, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        ListedEntry entry = ListedModel.Of(new Model("m", default, default, new Dictionary<string, string>()))!;
        Listing? known = null;
        for (var i = 0; i < 10; i++)
        {
            var begun = await pages.RefreshAsync(known, TimeSpan.FromSeconds(10), (_, _) => new(new Page<ListedEntry>([entry], "more")), _ => { }, default);
            known = begun.Value;
            time.Advance(TimeSpan.FromSeconds(11));
        }

        var chain = 0;
        for (var listing = known; listing is not null; listing = listing.Previous)
            chain++;
        Assert.Equal(2, chain);
    }

    [Fact]
    public async Task An_offset_is_understood_after_a_restart()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            AddMany(registry, 300);
            registry.Models["model-00000"].With(1, [.. Enumerable.Range(0, 100).Select(i => ($"file-{i:D3}", ""))]);
        });
        foreach (var path in new[] { "MLFLOW", "MLFLOW/model-00000", "MLFLOW/model-00000/1" })
        {
            var directory = await tree.NodeAsync(path);
            var whole = (await tree.ListAsync(directory)).Select(entry => entry.Name).ToList();
            var first = (await tree.Kernel.ReadDirAsync(directory, 0, 0, 400)).Directory(plus: false);
            await tree.RestartAsync();
            tree.Registry.ForgetCalls();
            var rest = await tree.ListAsync(directory, offset: first[^1].Next);
            Assert.Equal(whole, first.Concat(rest).Select(entry => entry.Name));
            Assert.Empty(tree.Registry.Calls);
        }
    }

    [Fact]
    public async Task An_offset_in_a_listing_that_was_lost_goes_on_at_its_index()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            AddMany(registry, 300);
            registry.PageSize = 100;
        });
        var registry = await tree.NodeAsync("MLFLOW");
        var first = (await tree.Kernel.ReadDirAsync(registry, 0, 0, 4096)).Directory(plus: false);
        // A listing that nobody has read to its end is not stored.
        await tree.RestartAsync();
        var rest = await tree.ListAsync(registry, offset: first[^1].Next);
        Assert.Equal(300, first.Concat(rest).Skip(2).Select(entry => entry.Name).Distinct().Count());
    }

    [Fact]
    public async Task An_offset_that_nobody_gave_is_the_end_of_the_directory()
    {
        var files = new MemoryFiles();
        files.Put("f", "x");
        await using var tree = await TreeUnderTest.StartAsync(
            registry => registry.Add("iris").With(1, ("file", "")), files: files);
        foreach (var path in new[] { "MLFLOW", "MLFLOW/iris", "MLFLOW/iris/1", "WWW" })
        {
            var directory = await tree.NodeAsync(path);
            foreach (var index in new[] { 1000, int.MaxValue, 1L << 31, uint.MaxValue })
            {
                var reply = await tree.Kernel.ReadDirAsync(directory, 0, index, 4096);
                Assert.Equal((0, 0), (reply.Error, reply.Directory(plus: false).Count));
            }
        }
    }

    [Fact]
    public async Task A_reader_stays_in_the_listing_that_it_began()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => AddMany(registry, 100));
        var registry = await tree.NodeAsync("MLFLOW");
        var whole = (await tree.ListAsync(registry)).Select(entry => entry.Name).ToList();
        var first = (await tree.Kernel.ReadDirAsync(registry, 0, 0, 400)).Directory(plus: false);

        tree.Registry.Models.Remove("model-00000");
        tree.Registry.Add("a new one");
        tree.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Contains("a new one", await tree.NamesAsync(registry));
        var rest = await tree.ListAsync(registry, offset: first[^1].Next);
        Assert.Equal(whole, first.Concat(rest).Select(entry => entry.Name));
    }

    [Fact]
    public async Task While_a_listing_is_being_renewed_its_names_cost_no_question()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => AddMany(registry, 50));
        var registry = await tree.NodeAsync("MLFLOW");
        var names = await tree.NamesAsync(registry);
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = _ => gate.Task;
        tree.Time.Advance(TimeSpan.FromSeconds(20));
        tree.Registry.ForgetCalls();

        var listing = tree.NamesAsync(registry);
        await TreeUnderTest.EventuallyAsync(() => tree.Registry.Calls.Count > 0);
        await tree.Time.RunUntilAsync(listing, TimeSpan.FromSeconds(1));
        Assert.Equal(names, await listing);
        foreach (var name in names)
            Assert.NotEqual(0ul, (await tree.LookupAsync(registry, name)).Node);
        Assert.Equal(["models "], tree.Registry.Calls);
        gate.SetResult();
    }

    [Fact]
    public async Task A_listed_model_is_the_same_node_however_it_is_found()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => AddMany(registry, 5000));
        var registry = await tree.NodeAsync("MLFLOW");
        var asked = await tree.LookupAsync(registry, "model-00007");
        tree.Time.Advance(TimeSpan.FromSeconds(20));
        var names = await tree.NamesAsync(registry);
        tree.Registry.ForgetCalls();
        // More than are remembered one by one.
        foreach (var name in names)
            Assert.NotEqual(0ul, (await tree.LookupAsync(registry, name)).Node);
        var listed = await tree.LookupAsync(registry, "model-00007");
        Assert.Equal((asked.Node, asked.Attributes), (listed.Node, listed.Attributes));
        Assert.Empty(tree.Registry.Calls);
        Assert.Equal(0ul, (await tree.LookupAsync(registry, "model-99999")).Node);
    }

    [Fact]
    public async Task A_listing_that_has_not_changed_is_kept_and_one_that_has_shares_what_has_not()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            AddMany(registry, 50);
            registry.Models["model-00003"].With(1, ("f", "1")).With(2, ("f", "2")).Alias("champion", "1");
        });
        var directory = await tree.NodeAsync("MLFLOW");
        await tree.NamesAsync(directory);
        var registry = tree.Tree.Registries[0];
        var first = registry.PeekModels()!;
        var begun = first.Begun;

        tree.Time.Advance(TimeSpan.FromSeconds(20));
        await tree.NamesAsync(directory);
        Assert.Same(first, registry.PeekModels());
        Assert.True(first.Begun > begun);
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/model-00003/champion"));

        tree.Registry.Models["model-00003"].Alias("champion", "2");
        tree.Registry.Add("model-99999");
        tree.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.Contains("model-99999", await tree.NamesAsync(directory));
        var second = registry.PeekModels()!;
        Assert.NotSame(first, second);
        Assert.Same(first.Find("model-00004"), second.Find("model-00004"));
        Assert.NotSame(first.Find("model-00003"), second.Find("model-00003"));
        Assert.Equal("2", await tree.LinkAsync("MLFLOW/model-00003/champion"));
    }

    [Fact]
    public async Task READDIRPLUS_gives_attributes_where_they_are_known()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            var files = registry.Add("iris").With(1, ("known", "12345")).Alias("champion", "1").Versions["1"].Files;
            files["unknown"] = new TestFile("123"u8.ToArray(), IsSizeKnown: false);
        });
        foreach (var path in new[] { "MLFLOW", "MLFLOW/iris" })
            Assert.All((await tree.ListAsync(await tree.NodeAsync(path), plus: true)).Skip(2), entry => Assert.NotEqual(0ul, entry.Entry!.Node));
        var files = await tree.ListAsync(await tree.NodeAsync("MLFLOW/iris/1"), plus: true);
        Assert.Equal(5ul, files.Single(entry => entry.Name == "known").Entry!.Attributes.Size);
        Assert.Equal(0ul, files.Single(entry => entry.Name == "unknown").Entry!.Node);
        Assert.Equal(0, tree.Registry.Count("open"));
    }

    [Fact]
    public async Task A_directory_of_ten_thousand_files_is_read_in_any_portions()
    {
        var files = Enumerable.Range(0, 10_000).Select(i => $"shard-{i:D5}.bin").ToArray();
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("large").With(1, [.. files.Select(file => (file, ""))]));
        var version = await tree.NodeAsync("MLFLOW/large/1");
        foreach (var size in new[] { 4096, 32768, 1 << 20 })
            Assert.Equal(files, (await tree.ListAsync(version, size: size)).Skip(2).Select(entry => entry.Name));
        Assert.Equal(1, tree.Registry.Count("manifest"));
    }

    private static void AddMany(MemoryRegistry registry, int count)
    {
        for (var i = 0; i < count; i++)
            registry.Add($"model-{i:D5}");
    }

    /// <summary>Says after each page that there is another.</summary>
    private sealed class EndlessRegistry(MemoryRegistry inner) : IModelRegistry
    {
        public int Pages { get; private set; }

        public string Description => inner.Description + " endless";

        public async ValueTask<RegistryResult<Page<Model>>> ListModelsAsync(string? pageToken, CancellationToken cancellation)
        {
            var page = await inner.ListModelsAsync(null, cancellation);
            return page.Value with { NextToken = (++Pages).ToString(System.Globalization.CultureInfo.InvariantCulture) };
        }

        public ValueTask<RegistryResult<Model>> GetModelAsync(string model, CancellationToken cancellation) => inner.GetModelAsync(model, cancellation);

        public ValueTask<RegistryResult<Page<ModelVersion>>> ListVersionsAsync(string model, string? pageToken, CancellationToken cancellation) =>
            inner.ListVersionsAsync(model, pageToken, cancellation);

        public ValueTask<RegistryResult<ModelVersion>> GetVersionAsync(string model, string version, CancellationToken cancellation) =>
            inner.GetVersionAsync(model, version, cancellation);

        public ValueTask<RegistryResult<ModelVersion>> ResolveAliasAsync(string model, string alias, CancellationToken cancellation) =>
            inner.ResolveAliasAsync(model, alias, cancellation);

        public ValueTask<RegistryResult<Manifest>> GetManifestAsync(ModelVersion version, CancellationToken cancellation) => inner.GetManifestAsync(version, cancellation);

        public ValueTask<RegistryResult<ContentStream>> OpenAsync(ModelVersion version, ManifestFile file, long offset, long length, CancellationToken cancellation) =>
            inner.OpenAsync(version, file, offset, length, cancellation);

        public ValueTask<RegistryResult<Registries.Unit>> PingAsync(CancellationToken cancellation) => inner.PingAsync(cancellation);

        public ValueTask DisposeAsync() => default;
    }
}
