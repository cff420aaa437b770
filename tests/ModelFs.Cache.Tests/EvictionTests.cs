using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class EvictionTests
{
    private const int Block = CacheOptions.BlockSize;
    private const long Limit = 64 << 20;

    [Fact]
    public async Task A_registry_over_its_budget_gives_way_before_files_that_were_used_longer_ago()
    {
        await using var test = new TestCache { MaxBytes = 256 << 20 };
        test.Limits["SMALL"] = new OwnerLimits(Limit, null);
        await test.ReopenAsync();
        byte[] content = TestContent.Make("content", 40 * Block);
        await test.FillAsync(Of("BIG", "old"), content);
        for (int i = 0; i < 9; i++)
        {
            test.Time.Ahead += TimeSpan.FromSeconds(1);
            await test.FillAsync(Of("SMALL", $"{i}"), content);
            Assert.InRange((await ShareAsync(test, "SMALL")).Bytes, 0, Limit);
        }

        var left = (await test.Cache.Inventory.ListAsync(null, CancellationToken.None).ToListAsync()).Select(o => o.Path).ToHashSet();
        Assert.Contains("BIG/old", left);
        Assert.Contains("SMALL/8", left);
        Assert.DoesNotContain("SMALL/0", left);
        Assert.Null(test.Cache.Status.Fault);

        ObjectDescriptor Of(string owner, string name) => TestContent.Describe(owner + name, content) with { Owner = owner, Name = name };
    }

    [Fact]
    public async Task A_registry_whose_budget_is_open_is_served_unstored_and_the_others_are_stored()
    {
        await using var test = new TestCache { MaxBytes = 512 << 20 };
        test.Limits["SMALL"] = new OwnerLimits(Limit, null);
        await test.ReopenAsync();
        byte[] kept = TestContent.Make("kept", 200 * Block), more = TestContent.Make("more", 120 * Block);
        using var open = test.Cache.Open(TestContent.Describe("kept", kept) with { Owner = "SMALL" }, new TestSource(kept));
        Assert.True((await open.CompleteAsync(CancellationToken.None)).IsOk);

        using var second = test.Cache.Open(TestContent.Describe("more", more) with { Owner = "SMALL" }, new TestSource(more));
        await second.ExpectAllAsync(more);
        Assert.Equal(28, (await second.CompleteAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience)).Errno);
        var share = await ShareAsync(test, "SMALL");
        Assert.InRange(share.Bytes, kept.Length, Limit);
        Assert.Contains("budget", share.Fault, StringComparison.Ordinal);
        Assert.Single(test.Lines, line => line.Contains("StoringStopped", StringComparison.Ordinal));

        await test.FillAsync(TestContent.Describe("other", more) with { Owner = "BIG" }, more);
        Assert.Null(test.Cache.Status.Fault);
    }

    [Fact]
    public async Task What_nobody_used_for_its_registrys_age_goes_and_other_registries_keep_theirs()
    {
        await using var test = new TestCache();
        test.Limits["DAILY"] = new OwnerLimits(null, TimeSpan.FromDays(1));
        await test.ReopenAsync();
        byte[] content = TestContent.Make("content", 3 * Block);
        foreach (string owner in (string[])["DAILY", "ETERNAL"])
            await test.FillAsync(TestContent.Describe(owner, content) with { Owner = owner, Name = owner }, content);

        test.Time.Ahead = TimeSpan.FromHours(23);
        await test.FillAsync(TestContent.Describe("young", content) with { Owner = "DAILY", Name = "young" }, content);
        test.Time.Ahead = TimeSpan.FromHours(26);
        await HandleReads.UntilAsync(() => !File.Exists(test.ObjectPath("DAILY")), "the old one goes");
        Assert.True(File.Exists(test.ObjectPath("young")));
        Assert.True(File.Exists(test.ObjectPath("ETERNAL")));
    }

    [Fact]
    public async Task A_file_that_only_the_kernel_reads_was_used_for_as_long_as_it_was_open()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 3 * Block);
        await test.FillAsync("read by the kernel", content);
        test.Time.Ahead = TimeSpan.FromHours(1);
        await test.FillAsync("idle", content);
        test.Time.Ahead = TimeSpan.FromHours(2);
        using (var handle = test.Open("read by the kernel", content, new TestSource([])))
        {
            using var file = await handle.OpenForKernelAsync().WaitAsync(TestCache.Patience);
            Assert.NotNull(file);
            test.Time.Ahead = TimeSpan.FromHours(5);
        }

        var gone = await test.Cache.Inventory.EvictAsync(new EvictionRequest("TEST", OlderThan: TimeSpan.FromHours(2)), CancellationToken.None);
        Assert.Equal("TEST/idle", Assert.Single(gone.Objects).Path);
    }

    [Fact]
    public async Task Pinned_objects_stay_whatever_the_limits_say_also_after_a_restart()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] content = TestContent.Make("content", 40 * Block);
        var pin = Pin.Of("TEST/pinned", null, [TestContent.KeyOf("pinned")]);
        await test.FillAsync("pinned", content);
        Assert.True(await test.Cache.Inventory.PinAsync([pin], [], CancellationToken.None));
        Assert.False(await test.Cache.Inventory.PinAsync([pin], [], CancellationToken.None));
        for (int start = 0; start < 2; start++)
        {
            for (int i = 0; i < 10; i++)
            {
                test.Time.Ahead += TimeSpan.FromSeconds(1);
                await test.FillAsync($"object {start} {i}", content);
            }

            Assert.True(File.Exists(test.ObjectPath("pinned")));
            var cleared = await test.Cache.Inventory.EvictAsync(new EvictionRequest(All: true), CancellationToken.None);
            Assert.Equal((0, 1), (cleared.Open, cleared.Pinned));
            Assert.True(File.Exists(test.ObjectPath("pinned")));
            Assert.Equal(1, (await test.Cache.Inventory.SumUpAsync(CancellationToken.None)).Objects);
            await test.ReopenAsync();
            Assert.Equal("TEST/pinned", Assert.Single(test.Cache.Inventory.Pins).Name);
        }

        await test.Cache.Inventory.PinAsync([], test.Cache.Inventory.Pins, CancellationToken.None);
        await test.Cache.Inventory.EvictAsync(new EvictionRequest(All: true), CancellationToken.None);
        Assert.False(File.Exists(test.ObjectPath("pinned")));
    }

    [Fact]
    public async Task A_damaged_file_of_pins_costs_the_pins_and_the_log_says_so()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", Block);
        await test.FillAsync("pinned", content);
        await test.Cache.Inventory.PinAsync([Pin.Of("TEST/pinned", null, [TestContent.KeyOf("pinned")])], [], CancellationToken.None);
        await test.CloseAsync();
        string pins = Path.Combine(test.IndexDirectory, "pins");
        byte[] bytes = File.ReadAllBytes(pins);
        bytes[^9] ^= 1;
        File.WriteAllBytes(pins, bytes);
        await test.ReopenAsync();
        Assert.Empty(test.Cache.Inventory.Pins);
        Assert.Contains(test.Lines, line => line.Contains("PinsDamaged", StringComparison.Ordinal));
        Assert.True(File.Exists(test.ObjectPath("pinned")));
    }

    [Fact]
    public async Task What_was_read_whole_and_closed_may_go_while_its_completion_still_rests()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 40 * Block);
        test.Time.HoldsTimers = true;
        var rest = new TaskCompletionSource();
        using (var handle = test.Open("read", content, new TestSource(content) { OnRead = at => at < 30 * Block ? Task.CompletedTask : rest.Task }))
        {
            await handle.ExpectAsync(content, 0, 10 * Block);
            await handle.ExpectAsync(content, 10 * Block, 10 * Block);
            await HandleReads.UntilAsync(() => test.Cache.Resources.CompletionPlaces.Taken == 1, "it is completed in the background");
            rest.SetResult();
            await handle.ExpectAllAsync(content);
            await HandleReads.UntilAsync(() => handle.State.Sealed, "it is complete");
        }

        for (var patience = DateTime.UtcNow + TestCache.Patience; File.Exists(test.ObjectPath("read")); await Task.Delay(50))
        {
            await test.Cache.Inventory.EvictAsync(new EvictionRequest(All: true), CancellationToken.None);
            Assert.True(DateTime.UtcNow < patience, "it stays");
        }
    }

    [Fact]
    public async Task More_pinned_and_open_objects_than_one_look_takes_keep_none_of_the_others_from_going()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] small = TestContent.Make("small", 4096), content = TestContent.Make("content", 60 * Block);
        for (int i = 0; i < 100; i++)
            await test.FillAsync($"pinned {i}", small);
        await test.Cache.Inventory.PinAsync(
            [Pin.Of("TEST/all", null, Enumerable.Range(0, 100).Select(i => TestContent.KeyOf($"pinned {i}")))], [], CancellationToken.None);
        for (int i = 0; i < 8; i++)
            await test.FillAsync($"object {i}", content);
        Assert.All(Enumerable.Range(0, 100), i => Assert.True(File.Exists(test.ObjectPath($"pinned {i}"))));
        Assert.True(test.Cache.Status.Evictions > 0);
    }

    [Fact]
    public async Task A_dry_run_says_what_would_go_and_why_and_removes_nothing()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 2 * Block);
        for (int i = 0; i < 4; i++)
        {
            test.Time.Ahead = TimeSpan.FromDays(i);
            await test.FillAsync($"iris/{i}", content);
        }

        test.Time.Ahead = TimeSpan.FromDays(4);
        long size = (await test.Cache.Inventory.ListAsync(null, CancellationToken.None).ToListAsync())[0].Bytes;
        using var open = test.Open("iris/3", content, new TestSource(content));
        var request = new EvictionRequest("TEST/iris", ToBytes: 5 * size / 2, OlderThan: TimeSpan.FromDays(3.5));
        var plan = await test.Cache.Inventory.EvictAsync(request with { DryRun = true }, CancellationToken.None);
        Assert.Equal(
            [("TEST/iris/0", EvictionReason.Age), ("TEST/iris/1", EvictionReason.Size)], plan.Objects.Select(o => (o.Path, o.Reason)));
        Assert.InRange(plan.LeftBytes, 2 * content.Length, 5 * size / 2);
        Assert.Equal(4, test.Cache.Status.Objects);

        var gone = await test.Cache.Inventory.EvictAsync(request, CancellationToken.None);
        Assert.Equal(plan.Objects, gone.Objects);
        Assert.Equal(2, test.Cache.Status.Objects);
        var cleared = await test.Cache.Inventory.EvictAsync(new EvictionRequest("TEST/iris", All: true), CancellationToken.None);
        Assert.Equal((1, 1), (cleared.Objects.Count, cleared.Open));
        await open.ExpectAllAsync(content);
    }

    [Fact]
    public async Task What_is_asked_of_one_place_with_no_limit_of_its_own_removes_nothing_elsewhere()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] content = TestContent.Make("content", 1000);
        await test.FillAsync("old", content);
        test.Cache.Resources.Space.AddMetadataBytes(2 * Limit);
        Assert.Empty((await test.Cache.Inventory.EvictAsync(new EvictionRequest("OTHER", DryRun: true), CancellationToken.None)).Objects);
        test.Cache.Resources.Space.AddMetadataBytes(-2 * Limit);
    }

    [Fact]
    public async Task Space_of_a_file_that_is_unlinked_while_it_is_read_counts_until_its_reader_goes()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 20 * Block);
        var lie = TestContent.Describe("lie", content) with { Sha256 = new byte[32] };
        using (var handle = test.Cache.Open(lie, new TestSource(content)))
        {
            Assert.Equal(5, (await handle.CompleteAsync(CancellationToken.None)).Errno);
            Assert.False(File.Exists(test.ObjectPath("lie")));
            Assert.Equal(0, test.Cache.Status.Objects);
            Assert.InRange(test.Cache.Status.UsedBytes, content.Length, long.MaxValue);
        }

        Assert.True(test.Cache.TryReserve(lie.Key, _ => true));
        test.Cache.EndReservation(lie.Key);
        Assert.InRange(test.Cache.Status.UsedBytes, 0, content.Length - 1);
    }

    [Fact]
    public async Task Bytes_fetched_and_served_are_counted_by_registry_over_restarts()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 5 * Block);
        await test.FillAsync("a", content);
        await test.ReopenAsync();
        using (var handle = test.Open("a", content, new TestSource(content)))
            await handle.ExpectAllAsync(content);
        await test.ReopenAsync();
        var share = await ShareAsync(test, "TEST");
        Assert.Equal((content.Length, content.Length), (share.OriginBytes, share.ServedBytes));
        Assert.InRange((await test.Cache.Inventory.SumUpAsync(CancellationToken.None)).CountedSince, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow);
    }

    [Fact]
    public async Task Many_readers_of_a_small_cache_get_right_bytes_while_limits_hold_and_pins_stay()
    {
        await using var test = new TestCache { MaxBytes = 128 << 20 };
        test.Limits["A"] = new OwnerLimits(Limit, null);
        await test.ReopenAsync();
        var contents = new Dictionary<string, byte[]>();
        for (int i = 0; i < 24; i++)
            contents.Add($"{(i % 2 == 0 ? "A" : "B")}{i}", TestContent.Make($"{i}", 40 * Block));
        await test.FillAsync(Of("A0"), contents["A0"]);
        await test.Cache.Inventory.PinAsync([Pin.Of("A/A0", null, [TestContent.KeyOf("A0")])], [], CancellationToken.None);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 15; i++)
            {
                string name = contents.Keys.ElementAt(random.Next(contents.Count));
                using var handle = test.Cache.Open(Of(name), new TestSource(contents[name]));
                await handle.ExpectAsync(contents[name], random.Next(20 * Block), 19 * Block);
                if (i % 5 == worker % 5)
                    await test.Cache.Inventory.EvictAsync(new EvictionRequest($"{name[0]}", ToBytes: 32 << 20), CancellationToken.None);
                Assert.InRange(test.Cache.Status.UsedBytes, 0, test.MaxBytes);
                Assert.InRange((await ShareAsync(test, "A")).Bytes, 0, Limit + 2 * Block);
            }
        })));
        Assert.True(test.Cache.Status.Evictions > 0);
        using var pinned = test.Cache.Open(Of("A0"), new TestSource([]));
        await pinned.ExpectAllAsync(contents["A0"]);

        ObjectDescriptor Of(string name) => TestContent.Describe(name, contents[name]) with { Owner = name[..1] };
    }

    private static async Task<OwnerShare> ShareAsync(TestCache test, string owner) =>
        (await test.Cache.Inventory.SumUpAsync(CancellationToken.None)).Owners.Single(s => s.Owner == owner);
}
