using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Tests;

public sealed class FetchPlaceTests
{
    [Fact]
    public async Task Each_registry_takes_at_most_half_of_what_the_others_leave()
    {
        var places = new FetchPlaces(16);
        Assert.Equal(8, TakeAll(places, "a"));
        Assert.Equal(4, TakeAll(places, "b"));
        Assert.Equal(2, TakeAll(places, "c"));
        Assert.Equal(1, TakeAll(places, "d"));
        Assert.Equal(1, TakeAll(places, "e"));
        // The others hold eight now, so four of the rest are for "a": who waits enters when it holds three.
        var waiting = places.EnterAsync("a", CancellationToken.None).AsTask();
        for (int held = 7; held > 3; held--)
        {
            places.Leave("a");
            Assert.Equal(held + 8, places.Taken);
        }

        places.Leave("a");
        await waiting.WaitAsync(TestCache.Patience);
        Assert.Equal(12, places.Taken);
    }

    [Fact]
    public async Task Who_gives_up_waiting_takes_no_place()
    {
        var places = new FetchPlaces(4);
        Assert.Equal(2, TakeAll(places, "a"));
        using var cancellation = new CancellationTokenSource();
        var given = places.EnterAsync("a", cancellation.Token).AsTask();
        var waiting = places.EnterAsync("a", CancellationToken.None).AsTask();
        cancellation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        places.Leave("a");
        await waiting.WaitAsync(TestCache.Patience);
        Assert.Equal(0, TakeAll(places, "a"));
    }

    /// <summary>Enters until it would have to wait; the waiter gives up.</summary>
    private static int TakeAll(FetchPlaces places, string owner)
    {
        for (int taken = 0; ; taken++)
        {
            using var cancellation = new CancellationTokenSource();
            if (places.EnterAsync(owner, cancellation.Token).IsCompletedSuccessfully)
                continue;
            cancellation.Cancel();
            return taken;
        }
    }
}
