using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

public sealed class FreshnessTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task What_is_stored_and_the_disk_does_not_give_is_asked_of_the_registry()
    {
        await using var tree = await StartAsync();
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/iris/champion"));
        await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        await tree.RestartAsync();
        // Whoever opens one of these waits for somebody who writes.
        string[] stored = [.. Directory.EnumerateFiles(Path.Join(tree.Cache.Status.Directory, "index", "meta"), "*", SearchOption.AllDirectories)];
        Assert.True(stored.Length > 2);
        foreach (var file in stored)
        {
            File.Delete(file);
            Assert.Equal(0, mkfifo(file, 0x180));
        }

        try
        {
            tree.Registry.Models["iris"].Alias("champion", "2");
            Assert.Equal("2", await tree.LinkAsync("MLFLOW/iris/champion"));
            await tree.NodeAsync("MLFLOW/iris/2/MLmodel");
        }
        finally
        {
            var writers = stored.Where(File.Exists).Select(file => File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite)).ToList();
            Array.ForEach(stored, File.Delete);
            writers.ForEach(writer => writer.Dispose());
        }

        [System.Runtime.InteropServices.DllImport("libc")]
        static extern int mkfifo(string path, uint mode);
    }

    [Fact]
    public async Task An_alias_that_moved_is_seen_after_its_TTL_and_not_before()
    {
        await using var tree = await StartAsync();
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/iris/champion"));
        tree.Registry.Models["iris"].Alias("champion", "2");
        tree.Time.Advance(4 * Second);
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/iris/champion"));
        tree.Time.Advance(7 * Second);
        Assert.Equal("2", await tree.LinkAsync("MLFLOW/iris/champion"));
    }

    [Fact]
    public async Task The_kernel_and_we_together_believe_an_alias_no_longer_than_its_TTL()
    {
        await using var tree = await StartAsync();
        var model = await tree.NodeAsync("MLFLOW/iris");
        for (var age = TimeSpan.Zero; age < 5 * Second; age += Second)
        {
            var entry = await tree.LookupAsync(model, "champion");
            Assert.InRange(entry.EntryTtl, TimeSpan.FromTicks(1), (10 * Second) - age);
            tree.Time.Advance(Second);
        }
    }

    [Fact]
    public async Task An_alias_in_use_is_renewed_in_the_background_and_nobody_waits()
    {
        await using var tree = await StartAsync();
        var model = await tree.NodeAsync("MLFLOW/iris");
        await tree.LookupAsync(model, "champion");
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = _ => gate.Task;
        tree.Registry.ForgetCalls();

        tree.Time.Advance(6 * Second);
        await tree.LookupAsync(model, "champion");
        await TreeUnderTest.EventuallyAsync(() => tree.Registry.Calls.Count == 1);
        tree.Registry.Models["iris"].Alias("champion", "2");
        gate.SetResult();
        await TreeUnderTest.EventuallyAsync(() => tree.Tree.Registries[0].GetLinkAsync("iris", "champion", default).AsTask().Result.Value is Listings.ListedLink { Version: "2" });
        Assert.Equal(["model iris"], tree.Registry.Calls);
    }

    [Fact]
    public async Task A_slow_registry_costs_a_lookup_StaleWait_and_then_the_last_known_answer_is_served()
    {
        await using var tree = await StartAsync();
        var model = await tree.NodeAsync("MLFLOW/iris");
        await tree.LookupAsync(model, "champion");
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = _ => gate.Task;

        tree.Time.Advance(11 * Second);
        var lookup = tree.LookupAsync(model, "champion");
        await TreeUnderTest.EventuallyAsync(() => tree.Registry.Calls[^1] == "model iris");
        var waited = await tree.Time.RunUntilAsync(lookup, Second);
        Assert.NotEqual(0ul, (await lookup).Node);
        Assert.InRange(waited, TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(300));
        Assert.InRange((await lookup).EntryTtl, TimeSpan.FromTicks(1), Second);

        // Nobody waits a second time for a registry that has just let somebody wait.
        var calls = tree.Registry.Calls.Count;
        Assert.NotEqual(0ul, (await tree.LookupAsync(model, "champion")).Node);
        Assert.Equal(calls, tree.Registry.Calls.Count);
        gate.SetResult();
    }

    [Fact]
    public async Task Many_who_ask_at_once_make_one_question()
    {
        await using var tree = await StartAsync();
        var registry = await tree.NodeAsync("MLFLOW");
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = _ => gate.Task;
        var lookups = Enumerable.Range(0, 50).Select(_ => tree.LookupAsync(registry, "iris")).ToList();
        await TreeUnderTest.EventuallyAsync(() => tree.Registry.Calls.Count > 0);
        gate.SetResult();
        var nodes = (await Task.WhenAll(lookups)).Select(entry => entry.Node).Distinct();
        Assert.NotEqual(0ul, Assert.Single(nodes));
        Assert.Equal(1, tree.Registry.Count("model iris"));
    }

    [Fact]
    public async Task One_who_gives_up_does_not_take_the_answer_from_the_others()
    {
        await using var tree = await StartAsync();
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = _ => gate.Task;
        using var impatient = new CancellationTokenSource();
        var first = tree.Tree.Registries[0].FindModelAsync("iris"u8, impatient.Token).AsTask();
        var second = tree.Tree.Registries[0].FindModelAsync("iris"u8, default).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();
        Assert.True((await second).IsOk);
        Assert.Equal(1, tree.Registry.Count("model iris"));
    }

    [Fact]
    public async Task A_registry_that_is_down_at_the_start_is_EIO_and_heals_by_itself()
    {
        await using var tree = await StartAsync();
        tree.Registry.Fault = _ => MemoryRegistry.Down;
        Assert.Equal(["MLFLOW"], await tree.NamesAsync(1));
        var registry = await tree.NodeAsync("MLFLOW");
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.LookupAsync(registry, "iris")).Error);
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.ReadDirAsync(registry, 0, 0, 4096)).Error);

        tree.Registry.Fault = null;
        tree.Time.Advance(2 * Second);
        Assert.Equal(["iris"], await tree.NamesAsync(registry));
        Assert.NotEqual(0ul, (await tree.LookupAsync(registry, "iris")).Node);
    }

    [Fact]
    public async Task A_registry_that_is_down_is_asked_at_most_once_a_second_for_one_thing()
    {
        await using var tree = await StartAsync();
        tree.Registry.Fault = _ => MemoryRegistry.Down;
        var registry = await tree.NodeAsync("MLFLOW");
        for (var i = 0; i < 20; i++)
            Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.LookupAsync(registry, "iris")).Error);
        Assert.Equal(1, tree.Registry.Count("model iris"));
    }

    [Fact]
    public async Task What_is_known_of_a_registry_that_went_down_is_served()
    {
        await using var tree = await StartAsync();
        await VisitAsync(tree);
        tree.Registry.Fault = _ => MemoryRegistry.Down;
        tree.Time.Advance(TimeSpan.FromDays(3));
        await VisitAsync(tree);
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.LookupAsync(await tree.NodeAsync("MLFLOW"), "unknown")).Error);
    }

    [Fact]
    public async Task What_is_known_of_a_registry_that_is_down_is_served_after_a_restart_too()
    {
        await using var tree = await StartAsync();
        await VisitAsync(tree);
        tree.Registry.Fault = _ => MemoryRegistry.Down;
        tree.Time.Advance(TimeSpan.FromDays(3));
        await tree.RestartAsync();
        tree.Registry.ForgetCalls();
        await VisitAsync(tree);
        Assert.Equal(0, tree.Registry.Count("open"));
    }

    [Fact]
    public async Task An_answer_that_is_still_fresh_after_a_restart_is_not_asked_for_again()
    {
        await using var tree = await StartAsync();
        await VisitAsync(tree);
        await tree.RestartAsync();
        tree.Registry.ForgetCalls();
        await VisitAsync(tree);
        Assert.Empty(tree.Registry.Calls);
    }

    [Fact]
    public async Task After_the_clock_was_set_back_a_stored_answer_counts_as_expired()
    {
        await using var tree = await StartAsync();
        await VisitAsync(tree);
        tree.Registry.Models["iris"].Alias("champion", "2");
        tree.Time.ShiftClock(TimeSpan.FromDays(-1));
        await tree.RestartAsync();
        Assert.Equal("2", await tree.LinkAsync("MLFLOW/iris/champion"));
    }

    [Fact]
    public async Task Another_server_under_the_same_name_is_asked_anew()
    {
        await using var tree = await StartAsync();
        await VisitAsync(tree);
        tree.Registry.Description = "memory: elsewhere";
        tree.Registry.Models.Remove("iris");
        await tree.RestartAsync();
        Assert.Equal(0ul, (await tree.LookupAsync(await tree.NodeAsync("MLFLOW"), "iris")).Node);
    }

    [Fact]
    public async Task What_the_registry_no_longer_has_goes_and_does_not_come_back_with_a_restart()
    {
        await using var tree = await StartAsync();
        await VisitAsync(tree);
        tree.Registry.Models.Remove("iris");
        tree.Time.Advance(TimeSpan.FromHours(2));
        var registry = await tree.NodeAsync("MLFLOW");
        Assert.Equal(0ul, (await tree.LookupAsync(registry, "iris")).Node);

        tree.Registry.Fault = _ => MemoryRegistry.Down;
        await tree.RestartAsync();
        Assert.Equal(0ul, (await tree.LookupAsync(await tree.NodeAsync("MLFLOW"), "iris")).Node);
    }

    [Fact]
    public async Task A_version_that_was_made_again_is_another_directory_with_other_bytes()
    {
        await using var tree = await StartAsync();
        var old = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        Assert.Equal("one"u8.ToArray(), await tree.ReadAsync(old));

        tree.Registry.Models["iris"].With(1, ("MLmodel", "new")).Versions["1"].Created += TimeSpan.FromDays(1);
        tree.Time.Advance(TimeSpan.FromHours(2));
        var node = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        Assert.NotEqual(old, node);
        Assert.Equal("new"u8.ToArray(), await tree.ReadAsync(node));
        Assert.Equal("one"u8.ToArray(), await tree.ReadAsync(old));
    }

    [Fact]
    public async Task A_listing_that_shows_a_version_made_again_is_believed_at_once()
    {
        await using var tree = await StartAsync();
        var model = await tree.NodeAsync("MLFLOW/iris");
        Assert.Equal("one"u8.ToArray(), await tree.ReadAsync(await tree.NodeAsync("MLFLOW/iris/1/MLmodel")));
        tree.Registry.Models["iris"].With(1, ("MLmodel", "new")).Versions["1"].Created += TimeSpan.FromDays(1);
        tree.Time.Advance(11 * Second);
        var listed = (await tree.ListAsync(model, plus: true)).Single(entry => entry.Name == "1");
        Assert.Equal("new"u8.ToArray(), await tree.ReadAsync((await tree.LookupAsync(listed.Entry!.Node, "MLmodel")).Node));
    }

    [Theory]
    [InlineData(RegistryErrorKind.Denied, Errno.EACCES)]
    [InlineData(RegistryErrorKind.Malformed, Errno.EIO)]
    [InlineData(RegistryErrorKind.Unsupported, Errno.EOPNOTSUPP)]
    public async Task A_failure_is_its_errno(RegistryErrorKind kind, Errno errno)
    {
        await using var tree = await StartAsync();
        var version = await tree.NodeAsync("MLFLOW/iris/1");
        tree.Registry.Fault = _ => new RegistryError(kind, "no");
        Assert.Equal(errno, (Errno)(await tree.Kernel.LookupAsync(await tree.NodeAsync("MLFLOW"), "other")).Error);
        Assert.Equal(errno, (Errno)(await tree.Kernel.LookupAsync(version, "MLmodel")).Error);
        Assert.Equal(errno, (Errno)(await tree.Kernel.ReadDirAsync(version, 0, 0, 4096)).Error);
    }

    [Fact]
    public async Task A_registry_that_refuses_takes_away_what_was_known_of_it_until_it_accepts_again()
    {
        await using var tree = await StartAsync();
        var model = await tree.NodeAsync("MLFLOW/iris");
        await tree.LookupAsync(model, "champion");
        await tree.NamesAsync(await tree.NodeAsync("MLFLOW"));
        tree.Registry.Fault = _ => new RegistryError(RegistryErrorKind.Denied, "no");
        tree.Time.Advance(11 * Second);
        tree.Registry.ForgetCalls();
        for (var i = 0; i < 5; i++)
            Assert.Equal(Errno.EACCES, (Errno)(await tree.Kernel.LookupAsync(model, "champion")).Error);
        Assert.Equal(1, tree.Registry.Count("model iris"));
        tree.Registry.Fault = null;
        tree.Time.Advance(2 * Second);
        Assert.NotEqual(0ul, (await tree.LookupAsync(model, "champion")).Node);
    }

    [Fact]
    public async Task A_registry_that_throws_is_EIO_and_nothing_breaks()
    {
        await using var tree = await StartAsync();
        var registry = await tree.NodeAsync("MLFLOW");
        tree.Registry.Delay = _ => throw new InvalidOperationException("a defect");
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.LookupAsync(registry, "iris")).Error);
        tree.Registry.Delay = null;
        tree.Time.Advance(2 * Second);
        Assert.NotEqual(0ul, (await tree.LookupAsync(registry, "iris")).Node);
    }

    [Fact]
    public async Task With_a_TTL_of_zero_every_lookup_asks()
    {
        await using var tree = await TreeUnderTest.StartAsync(
            registry => registry.Add("iris").With(1, ("a", "1")).With(2, ("a", "2")).Alias("champion", "1"), new TreeOptions { AliasTtl = TimeSpan.Zero });
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/iris/champion"));
        tree.Registry.Models["iris"].Alias("champion", "2");
        Assert.Equal("2", await tree.LinkAsync("MLFLOW/iris/champion"));
        Assert.Equal(TimeSpan.Zero, (await tree.WalkAsync("MLFLOW/iris/champion")).EntryTtl);
    }

    [Fact]
    public async Task Attributes_of_a_known_model_never_wait()
    {
        await using var tree = await StartAsync();
        var model = await tree.NodeAsync("MLFLOW/iris");
        var gate = new TaskCompletionSource();
        tree.Registry.Delay = _ => gate.Task;
        tree.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, (await tree.Kernel.GetAttrAsync(model)).Error);
        gate.SetResult();
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3601)]
    public void An_option_out_of_its_range_names_itself(int seconds)
    {
        var thrown = Assert.Throws<ArgumentOutOfRangeException>(() => new TreeOptions { AliasTtl = TimeSpan.FromSeconds(seconds) }.Check());
        Assert.Equal(nameof(TreeOptions.AliasTtl), thrown.ParamName);
    }

    private static Task<TreeUnderTest> StartAsync() =>
        TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("MLmodel", "one"), ("data/x", "")).With(2, ("MLmodel", "two")).Alias("champion", "1"));

    /// <summary>Lists, follows and reads everything there is.</summary>
    private static async Task VisitAsync(TreeUnderTest tree)
    {
        Assert.Equal(["iris"], await tree.NamesAsync(await tree.NodeAsync("MLFLOW")));
        Assert.Equal(["champion", "latest", "2", "1"], await tree.NamesAsync(await tree.NodeAsync("MLFLOW/iris")));
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/iris/champion"));
        Assert.Equal("2", await tree.LinkAsync("MLFLOW/iris/latest"));
        Assert.Equal(["MLmodel", "data"], await tree.NamesAsync(await tree.NodeAsync("MLFLOW/iris/1")));
        Assert.Equal("one"u8.ToArray(), await tree.ReadAsync(await tree.NodeAsync("MLFLOW/iris/1/MLmodel")));
        Assert.Equal("two"u8.ToArray(), await tree.ReadAsync(await tree.NodeAsync("MLFLOW/iris/2/MLmodel")));
    }
}
