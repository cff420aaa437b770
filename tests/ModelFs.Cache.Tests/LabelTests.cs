using ModelFs.Cache.Crash;
using ModelFs.Cache.Space;

namespace ModelFs.Cache.Tests;

public sealed class LabelTests
{
    [Fact]
    public async Task Objects_are_listed_by_the_names_of_all_versions_that_share_them_also_after_a_restart()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("shared", 300_000);
        var first = TestContent.Describe("shared", content) with { Owner = "MLFLOW", Name = "iris/1/model.pkl" };
        await test.FillAsync(first, content);
        await test.FillAsync(first with { Name = "iris/2/model.pkl" }, content);
        await test.FillAsync(TestContent.Describe("other", content) with { Owner = "HF", Name = "a%2Fb/main/x" }, content);

        for (int start = 0; start < 2; start++)
        {
            var all = await test.Cache.Inventory.ListAsync(null, CancellationToken.None).ToListAsync();
            Assert.Equal(["HF/a%2Fb/main/x", "MLFLOW/iris/1/model.pkl", "MLFLOW/iris/2/model.pkl"], all.Select(o => o.Path).Order(StringComparer.Ordinal));
            Assert.Equal(2, all.DistinctBy(o => o.Key).Count());
            Assert.All(all, o => Assert.True(o is { Sealed: true, Open: false, Pinned: false }));
            Assert.All(all, o => Assert.InRange(o.Bytes, content.Length, 2 * content.Length));
            Assert.Equal("MLFLOW/iris/2/model.pkl", Assert.Single(await test.Cache.Inventory.ListAsync("MLFLOW/iris/2", CancellationToken.None).ToListAsync()).Path);
            Assert.Empty(await test.Cache.Inventory.ListAsync("MLFLOW/iri", CancellationToken.None).ToListAsync());
            var shares = (await test.Cache.Inventory.SumUpAsync(CancellationToken.None)).Owners;
            Assert.Equal(["HF", "MLFLOW"], shares.Select(s => s.Owner));
            Assert.All(shares, s => Assert.Equal((1, 1), (s.Objects, s.Sealed)));
            await test.ReopenAsync();
        }
    }

    [Fact]
    public async Task Damaged_names_cost_names_and_never_bytes()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 300_000);
        string[] names = [.. Enumerable.Range(0, 20).Select(i => $"iris/{i}/model.pkl")];
        foreach (string name in names)
            await test.FillAsync(TestContent.Describe(name, content) with { Name = name }, content);
        await test.CloseAsync();
        string labels = Path.Combine(test.IndexDirectory, "labels");
        byte[] bytes = File.ReadAllBytes(labels);
        bytes[bytes.Length / 2] ^= 0x10;
        File.WriteAllBytes(labels, [.. bytes[..^5], 1, 2, 3]);
        await test.ReopenAsync();

        var all = await test.Cache.Inventory.ListAsync(null, CancellationToken.None).ToListAsync();
        Assert.Equal(20, all.Count);
        var unknown = all.Where(o => !o.Path.StartsWith("TEST/iris/", StringComparison.Ordinal)).ToList();
        Assert.InRange(unknown.Count, 1, 2);
        Assert.All(unknown, o => Assert.Equal((o.Key.ToString(), ""), (o.Path, o.Owner)));
        Assert.Contains(test.Lines, line => line.Contains("LabelsDamaged", StringComparison.Ordinal));
        foreach (string name in names)
        {
            var source = new TestSource(content);
            using var handle = test.Cache.Open(TestContent.Describe(name, content) with { Name = name }, source);
            await handle.ExpectAllAsync(content);
            Assert.Empty(source.Requests);
        }

        Assert.All(await test.Cache.Inventory.ListAsync(null, CancellationToken.None).ToListAsync(), o => Assert.StartsWith("TEST/iris/", o.Path));
    }

    [Fact]
    public async Task Names_of_objects_that_are_gone_are_dropped_from_the_file()
    {
        await using var test = new TestCache();
        string path = Path.Combine(test.Root, "labels");
        var labels = new Labels(path, test);
        var key = TestContent.KeyOf("kept");
        for (int i = 0; i < 10_000; i++)
        {
            labels.Note(i == 5000 ? key : TestContent.KeyOf($"{i}"), "MLFLOW", $"iris/{i}/model.pkl");
            if (i % 1000 == 0)
                labels.Flush();
        }

        labels.Flush();
        labels.Compact(k => k == key, 1);

        Assert.InRange(new FileInfo(path).Length, 1, 100);
        Assert.Equal(new FileInfo(path).Length, labels.Bytes);
        labels.Note(TestContent.KeyOf("1"), "MLFLOW", "iris/1/model.pkl");
        labels.Note(key, "MLFLOW", "iris/5000/model.pkl");
        labels.Flush();
        var again = new Labels(path, test);
        Assert.Equal(["MLFLOW/iris/5000/model.pkl", "MLFLOW/iris/1/model.pkl"], again.Read(_ => true).Select(l => l.Path));
    }

    [Fact]
    public async Task A_name_that_is_written_is_not_written_again_however_many_there_are_also_after_a_restart()
    {
        await using var test = new TestCache();
        string path = Path.Combine(test.Root, "labels");
        var labels = new Labels(path, test);
        NoteAll();
        long length = new FileInfo(path).Length;
        Assert.Equal(9000, labels.Read(_ => true).Count());
        NoteAll();
        labels = new Labels(path, test);
        labels.Load(_ => { });
        NoteAll();
        Assert.Equal(length, new FileInfo(path).Length);

        void NoteAll()
        {
            for (int i = 0; i < 9000; i++)
                labels.Note(TestContent.KeyOf($"{i}"), "MLFLOW", $"iris/{i}/model.pkl");
            labels.Flush();
        }
    }

    [Fact]
    public async Task A_listing_is_made_page_by_page_as_it_is_taken_and_ends_with_who_takes_it()
    {
        const int Objects = 50_000;
        await using var test = await TestCache.OpenAsync();
        await test.Cache.Surveyed;
        var resources = test.Cache.Resources;
        var account = resources.Accounts.Of("MLFLOW");
        for (int i = 0; i < Objects; i++)
        {
            resources.Catalog.Set(TestContent.KeyOf($"{i}"), new Catalog.Entry(1, i, 1, true, account));
            resources.Labels.Note(TestContent.KeyOf($"{i}"), "MLFLOW", $"iris/{i}/model.pkl");
            if (i % 1000 == 999)
                resources.Labels.Flush();
        }

        Assert.Equal(Objects, await test.Cache.Inventory.ListAsync(null, CancellationToken.None).Select(o => o.Path).Distinct().CountAsync());

        int taken = 0;
        await foreach (var stored in test.Cache.Inventory.ListAsync("MLFLOW", CancellationToken.None))
        {
            Assert.Equal(1, stored.Bytes);
            if (taken++ > 0)
                continue;
            // What is not looked up yet is not there any more.
            for (int i = 0; i < Objects; i++)
                resources.Catalog.Remove(TestContent.KeyOf($"{i}"));
        }

        Assert.InRange(taken, 1, Objects / 2);
    }

    [Fact]
    public async Task Whoever_stops_taking_a_listing_does_not_keep_the_cache_from_closing()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 300_000);
        await test.FillAsync("one", content);
        await test.FillAsync("two", content);
        await using var listing = test.Cache.Inventory.ListAsync(null, CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await listing.MoveNextAsync());
        await test.CloseAsync().WaitAsync(TestCache.Patience);
    }

    [Fact]
    public async Task A_listing_has_every_name_though_the_file_is_rewritten_while_it_is_read()
    {
        await using var test = new TestCache();
        var labels = new Labels(Path.Combine(test.Root, "labels"), test);
        string[] names = [.. Enumerable.Range(0, 20_000).Select(i => $"iris/{i}/{new string('x', 100)}")];
        foreach (var (i, name) in names.Index())
        {
            labels.Note(TestContent.KeyOf(name), "MLFLOW", name);
            if (i % 1000 == 999)
                labels.Flush();
        }

        var read = new List<string>();
        foreach (var label in labels.Read(_ => true))
        {
            read.Add(label.Name);
            if (read.Count != names.Length / 2)
                continue;
            labels.Compact(key => key == TestContent.KeyOf(names[^1]), 1);
            labels.Note(TestContent.KeyOf("late"), "MLFLOW", "late");
            labels.Flush();
        }

        Assert.Equal(names, read);
        Assert.Equal([names[^1], "late"], labels.Read(_ => true).Select(label => label.Name));
    }

    [Fact]
    public async Task Names_beyond_the_reading_window_come_back_whole()
    {
        await using var test = new TestCache();
        string path = Path.Combine(test.Root, "labels");
        var labels = new Labels(path, test);
        var random = new Random(1);
        string[] names = [.. Enumerable.Range(0, 3000).Select(i => $"{i}/" + new string('x', random.Next(1, i % 100 == 0 ? 60_000 : 900)))];
        foreach (string name in names)
            labels.Note(TestContent.KeyOf(name), "O", name);
        labels.Flush();
        Assert.Equal(names.Select(n => (TestContent.KeyOf(n), "O", n)), labels.Read(_ => true).Select(l => (l.Key, l.Owner, l.Name)));
    }
}
