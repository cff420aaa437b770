using ModelFs.Cache.Crash;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Tests;

/// <summary>What is verified in the background after a crash.</summary>
public sealed class SlowScrubTests
{
    private const int Block = CacheOptions.BlockSize;
    private const int Size = 9 * Block + 17;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_crash_what_nobody_opens_is_verified_in_the_background_and_goes_to_the_kernel_at_its_first_open(bool withDigest)
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        foreach (string name in (string[])["a", "b"])
            await test.FillAsync(TestContent.Describe(name, content, withDigest), content);
        Assert.Equal((0, 0), Left(test));
        await test.CrashAsync();
        var (objects, bytes) = Left(test);
        Assert.Equal(2, objects);
        Assert.InRange(bytes, 2 * Size, test.Cache.Status.UsedBytes);
        Assert.False(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));

        test.ScrubBytesPerSecond = long.MaxValue;
        await test.CrashAsync(() =>
        {
            foreach (string name in (string[])["a", "b"])
                File.ReadAllBytes(test.ObjectPath(name));
        });
        await VerifiedAsync(test);
        foreach (string name in (string[])["a", "b"])
        {
            Assert.InRange(ColdReadTests.ResidentBytes(test.ObjectPath(name), Size), 0, 2 * Block);
            using var handle = test.Open(name, content, new TestSource([]), withDigest);
            using var file = await handle.OpenForKernelAsync().WaitAsync(TestCache.Patience);
            Assert.NotNull(file);
        }

        var (stored, counted) = (Space.Survey.AllocatedBytes(Path.Combine(test.Root, "objects")), (await test.Cache.Inventory.SumUpAsync(CancellationToken.None)).ObjectBytes);
        Assert.Equal(stored, counted);
        Assert.DoesNotContain(test.Lines, line => line.Contains("FoundDamaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_a_crash_damaged_is_found_before_anybody_opens_it_and_only_that_is_fetched_again()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        foreach (string name in (string[])["good", "bad", "gone"])
            await test.FillAsync(name, content);
        test.ScrubBytesPerSecond = long.MaxValue;
        await test.CrashAsync(() =>
        {
            Damage.Flip(test.ObjectPath("bad"), 3 * Block + 5, 1);
            File.WriteAllBytes(test.ObjectPath("gone"), []);
        });
        await VerifiedAsync(test);
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("good")));
        Assert.False(test.Cache.IsSealed(TestContent.KeyOf("bad")));
        Assert.False(File.Exists(test.ObjectPath("bad") + ".seal"));
        Assert.False(File.Exists(test.ObjectPath("gone")));
        Assert.Equal(2, test.Cache.Status.Objects);
        Assert.Single(test.Lines, line => line.Contains("FoundDamaged", StringComparison.Ordinal) && line.Contains("TEST/bad: 1 block was damaged", StringComparison.Ordinal));
        Assert.Single(test.Lines, line => line.Contains("FoundDamaged", StringComparison.Ordinal) && line.Contains("TEST/gone: 10 blocks were damaged", StringComparison.Ordinal));

        var source = new TestSource(content);
        using var handle = test.Open("bad", content, source);
        Assert.Null(await handle.OpenForKernelAsync());
        await handle.ExpectAllAsync(content);
        Assert.Equal(Block, source.Bytes);
    }

    [Fact]
    public async Task What_is_not_verified_at_a_stop_is_after_the_next_start_and_after_that_nothing_is_to_do()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.FillAsync("b", content);
        await test.CrashAsync();
        // One is opened, and verified before its turn.
        using (var handle = test.Open("a", content, new TestSource([])))
        {
            Assert.Null(await handle.OpenForKernelAsync().WaitAsync(TestCache.Patience));
            await HandleReads.UntilAsync(() => handle.CanPassThrough, "who opens an object has it verified at once");
        }

        await test.ReopenAsync();
        Assert.Equal(2, Left(test).Objects);
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
        Assert.False(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("b")));

        test.ScrubBytesPerSecond = long.MaxValue;
        await test.ReopenAsync();
        await VerifiedAsync(test);
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("b")));

        test.ScrubBytesPerSecond = 1024;
        test.Lines.Clear();
        await test.ReopenAsync();
        Assert.Equal((0, 0), Left(test));
        Assert.DoesNotContain(test.Lines, line => line.Contains("VerifyingAll", StringComparison.Ordinal));
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("b")));
    }

    [Fact]
    public async Task What_waits_to_be_verified_may_be_evicted_and_fetched_again()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.FillAsync("b", content);
        await test.CrashAsync();
        var gone = await test.Cache.Inventory.EvictAsync(new EvictionRequest(All: true), CancellationToken.None);
        Assert.Equal((2, 0), (gone.Objects.Count, gone.Open));
        await HandleReads.UntilAsync(() => OpenFiles(test.Root + "/objects").Count == 0, "nothing of them is kept open");
        await test.FillAsync("a", content);
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
        test.ScrubBytesPerSecond = long.MaxValue;
        await test.CrashAsync();
        await VerifiedAsync(test);
        Assert.Equal((1, 1), (test.Cache.Status.Objects, test.Cache.Status.SealedObjects));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_verification_that_was_asked_for_found_right_needs_none_at_its_first_open(bool isLoaded)
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.CrashAsync();
        using (var reader = isLoaded ? test.Open("a", content, new TestSource([])) : null)
        {
            await foreach (var report in test.Cache.Inventory.ScrubAsync(null, CancellationToken.None))
                Assert.Null(report.Fault);
            // What is loaded is vouched for by the thread that seals.
            if (reader is not null)
                await HandleReads.UntilAsync(() => reader.CanPassThrough, "it is vouched for");
            Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
        }

        await test.ReopenAsync();
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
    }

    [Fact]
    public async Task What_somebody_touched_since_it_was_compared_is_not_vouched_for()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.FillAsync("b", content);
        await test.CrashAsync();
        using var handle = test.Open("b", content, new TestSource(content));
        await handle.Ready.WaitAsync(TestCache.Patience);
        foreach (string name in (string[])["a", "b"])
        {
            int read = 0;
            var scrub = new ObjectScrub(test.Cache, blocks =>
            {
                // The first blocks were right.
                if ((read += blocks) > ObjectScrub.Step)
                    Damage.Flip(test.ObjectPath(name), 0, 0);
            }, CancellationToken.None);
            Assert.Equal((0, null), scrub.Verify(TestContent.KeyOf(name), withDigest: false));
            Assert.False(await test.Cache.CanPassThroughAsync(TestContent.KeyOf(name)));
        }
    }

    [Fact]
    public async Task While_others_read_or_fetch_a_verified_byte_costs_many_times_as_much()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        var scrub = new SlowScrub(test.Cache);
        Assert.Equal((Block, 4 * Block), (scrub.PriceOf(1), scrub.PriceOf(4)));

        var withheld = new TaskCompletionSource();
        using (var handle = test.Open("a", content, new TestSource(content) { OnRead = _ => withheld.Task }))
        {
            var reading = handle.ReadAsync(0, 10);
            await HandleReads.UntilAsync(() => test.Cache.Resources.Fetches > 0, "it is fetched");
            Assert.Equal((32 * Block, 32 * Block), (scrub.PriceOf(1), scrub.PriceOf(1)));
            withheld.SetResult();
            await reading;
            await HandleReads.UntilAsync(() => test.Cache.Resources.Fetches == 0, "it is here");
            scrub.PriceOf(1);
            Assert.Equal(Block, scrub.PriceOf(1));
            await handle.ExpectAsync(content, 0, 10);
            Assert.Equal((32 * Block, Block), (scrub.PriceOf(1), scrub.PriceOf(1)));
        }

        scrub.Close();
    }

    private static (long Objects, long Bytes) Left(TestCache test) => (test.Cache.Status.UnverifiedObjects, test.Cache.Status.UnverifiedBytes);

    private static async Task VerifiedAsync(TestCache test)
    {
        await HandleReads.UntilAsync(() => test.Lines.Any(line => line.Contains("VerifiedAll", StringComparison.Ordinal)), "all is verified");
        Assert.Equal((0, 0), Left(test));
    }

    /// <summary>What this process has open below a directory.</summary>
    private static List<string> OpenFiles(string directory) =>
        [.. Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(fd => new FileInfo(fd).LinkTarget ?? "").Where(target => target.StartsWith(directory, StringComparison.Ordinal))];
}
