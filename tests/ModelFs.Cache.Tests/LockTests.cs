using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class LockTests
{
    [Fact]
    public async Task A_second_process_is_refused_and_told_who_has_the_directory()
    {
        await using var test = new TestCache();
        using var holder = new CrashProcess("hold", test.Root);
        Assert.Equal("ready", await holder.ReadLineAsync());
        var e = await Assert.ThrowsAsync<CacheInUseException>(() => BlockCache.OpenAsync(test.Options, test, TimeProvider.System));
        Assert.Contains($"process {holder.Id} on {Environment.MachineName}", e.Message);

        using (var third = new CrashProcess("hold", test.Root))
        {
            Assert.Contains($"process {holder.Id}", await third.ReadLineAsync());
            Assert.Equal(3, await third.WaitAsync());
        }

        holder.Kill();
        await holder.WaitAsync();
        await test.ReopenAsync();
    }

    [Fact]
    public async Task Another_index_directory_does_not_open_the_same_blocks_twice()
    {
        await using var test = await TestCache.OpenAsync();
        string other = Path.Combine(test.Root, "other-index");
        await Assert.ThrowsAsync<CacheInUseException>(() => BlockCache.OpenAsync(test.Options with { IndexDirectory = other }, test, TimeProvider.System));
    }

    [Fact]
    public async Task A_directory_is_free_again_after_a_stop_and_after_an_open_that_failed()
    {
        await using var test = await TestCache.OpenAsync();
        await Assert.ThrowsAsync<CacheInUseException>(() => BlockCache.OpenAsync(test.Options, test, TimeProvider.System));
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 1000);
        await test.FillAsync("a", content);
    }

    [Fact]
    public async Task A_directory_that_is_made_is_its_owners_alone()
    {
        await using var test = new TestCache(Path.Combine(Path.GetTempPath(), "modelfs-cache-" + Path.GetRandomFileName()));
        await test.ReopenAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(test.Root));
    }
}
