using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class FitTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public async Task What_cannot_lie_in_the_cache_together_is_told_with_the_limit_that_is_in_the_way()
    {
        await using var test = new TestCache { MaxBytes = 200 * MiB };
        test.Limits["small"] = new OwnerLimits(64 * MiB, null);
        await test.ReopenAsync();
        byte[] content = TestContent.Make("pinned", (int)(20 * MiB));
        await test.FillAsync("pinned", content);
        var pinned = TestContent.Describe("pinned", content);
        await test.Cache.Inventory.PinAsync([Pin.Of("TEST/pinned", null, [pinned.Key])], [], CancellationToken.None);

        Assert.Null(await ShortageAsync(Object(1, 100 * MiB), Object(2, 50 * MiB), Object(3, null)));
        Assert.Null(await ShortageAsync(Object(1, 100 * MiB), Object(1, 100 * MiB)));
        Assert.Null(await ShortageAsync(Object(1, 150 * MiB), pinned));
        var shortage = await ShortageAsync(Object(1, 100 * MiB), Object(2, 90 * MiB));
        Assert.Equal((190 * MiB, RoomLimit.Cache, null), (shortage!.Needed, shortage.Limit, shortage.Owner));
        Assert.InRange(shortage.Room, 140 * MiB, 180 * MiB);
        Assert.Equal(new Shortage(65 * MiB, 64 * MiB, RoomLimit.Registry, "small"), await ShortageAsync(Object(1, 65 * MiB, "small"), Object(2, 10 * MiB)));

        Task<Shortage?> ShortageAsync(params ObjectDescriptor[] objects) => test.Cache.Inventory.ShortageOfAsync(objects, CancellationToken.None);
    }

    private static ObjectDescriptor Object(int number, long? size, string owner = "test") => new(new ObjectKey((UInt128)number), size, default, owner, $"object {number}");
}
