using ModelFs.Prefetching;

namespace ModelFs.Tests.Prefetching;

public sealed class PrefetchOptionsTests
{
    [Theory]
    [InlineData(null, 8)]
    [InlineData(1 << 10, 1)]
    [InlineData(2 << 20, 2)]
    [InlineData(5 << 20, 5)]
    [InlineData(1 << 30, 8)]
    public void A_limit_that_few_files_use_up_is_for_few_files_at_a_time(int? rate, int files) =>
        Assert.Equal(files, new PrefetchOptions([], LimitRate: rate).JobsAtOnce);
}
