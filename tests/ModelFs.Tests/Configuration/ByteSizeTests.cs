using ModelFs.Configuration;

namespace ModelFs.Tests.Configuration;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("4096", 4096L)]
    [InlineData("100GiB", 107_374_182_400L)]
    [InlineData("10GB", 10_000_000_000L)]
    [InlineData("1.5 KiB", 1536L)]
    [InlineData("64mib", 67_108_864L)]
    [InlineData("0", 0L)]
    public void A_size_is_read_in_binary_and_decimal_units(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out var parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GiB")]
    [InlineData("-1")]
    [InlineData("10G")]
    [InlineData("1e9")]
    [InlineData("1.5")]
    [InlineData("12 parsecs")]
    [InlineData("99999999PiB")]
    public void What_is_no_size_is_refused(string text) => Assert.False(ByteSize.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "0.98 KiB")]
    [InlineData(268_435_456, "256 MiB")]
    [InlineData(1_610_612_736, "1.50 GiB")]
    public void A_size_is_written_with_three_digits(long bytes, string text) => Assert.Equal(text, ByteSize.Format(bytes));
}
