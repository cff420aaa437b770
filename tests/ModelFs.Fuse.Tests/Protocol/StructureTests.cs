using System.Runtime.CompilerServices;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Tests.Protocol;

public sealed class StructureTests
{
    /// <summary>Sizes of include/uapi/linux/fuse.h. The kernel refuses a reply that is a byte longer or shorter.</summary>
    [Fact]
    public void Structures_have_the_kernels_sizes()
    {
        Assert.Equal(40, Unsafe.SizeOf<InHeader>());
        Assert.Equal(16, Unsafe.SizeOf<OutHeader>());
        Assert.Equal(64, Unsafe.SizeOf<InitOut>());
        Assert.Equal(88, Unsafe.SizeOf<Attr>());
        Assert.Equal(128, Unsafe.SizeOf<EntryOut>());
        Assert.Equal(104, Unsafe.SizeOf<AttrOut>());
        Assert.Equal(288, Unsafe.SizeOf<StatXOut>());
        Assert.Equal(16, Unsafe.SizeOf<OpenOut>());
        Assert.Equal(80, Unsafe.SizeOf<StatFsOut>());
        Assert.Equal(8, Unsafe.SizeOf<GetXAttrOut>());
        Assert.Equal(8, Unsafe.SizeOf<LSeekOut>());
        Assert.Equal(24, Unsafe.SizeOf<DirEntry>());
        Assert.Equal(40, Unsafe.SizeOf<ReadIn>());
        Assert.Equal(24, Unsafe.SizeOf<ReleaseIn>());
        Assert.Equal(24, Unsafe.SizeOf<StatXIn>());
        Assert.Equal(24, Unsafe.SizeOf<LSeekIn>());
        Assert.Equal(24, Unsafe.SizeOf<InvalidateInodeOut>());
        Assert.Equal(16, Unsafe.SizeOf<InvalidateEntryOut>());
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1_500_000_000_123_456_789, 1_500_000_000, 123_456_789)]
    [InlineData(-1, -1, 999_999_999)]
    [InlineData(-1_000_000_000, -1, 0)]
    public void Times_are_seconds_and_positive_nanoseconds_also_before_1970(long time, long seconds, uint nanoseconds)
    {
        Attr attr = ReplyEncoder.Attributes(new FuseAttributes(1, FuseFileType.Regular, 0, 0, time));

        Assert.Equal(seconds, (long)attr.MTime);
        Assert.Equal(nanoseconds, attr.MTimeNanoseconds);
        Assert.Equal((attr.MTime, attr.MTimeNanoseconds), (attr.ATime, attr.ATimeNanoseconds));
        Assert.Equal((attr.MTime, attr.MTimeNanoseconds), (attr.CTime, attr.CTimeNanoseconds));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(512, 1)]
    [InlineData(513, 2)]
    [InlineData(10L << 30, 20L << 20)]
    public void Blocks_cover_the_whole_size(long size, ulong blocks)
    {
        Assert.Equal(blocks, ReplyEncoder.Attributes(new FuseAttributes(1, FuseFileType.Regular, 0, size, 0)).Blocks);
    }

    [Fact]
    public void A_ttl_below_zero_is_none_and_one_of_years_fits()
    {
        EntryOut none = ReplyEncoder.Entry(FuseEntry.Absent(TimeSpan.FromSeconds(-1)));
        EntryOut years = ReplyEncoder.Entry(FuseEntry.Absent(TimeSpan.MaxValue));

        Assert.Equal((0UL, 0u), (none.EntryValid, none.EntryValidNanoseconds));
        Assert.Equal((ulong)TimeSpan.MaxValue.TotalSeconds, years.EntryValid);
        Assert.InRange(years.EntryValidNanoseconds, 0u, 999_999_999u);
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("\0", null)]
    [InlineData("a", null)]
    [InlineData("a\0", "a")]
    [InlineData("a\0b\0", "a")]
    public void A_name_ends_at_its_terminator_and_needs_one(string body, string? name)
    {
        ReadOnlySpan<byte> rest = System.Text.Encoding.ASCII.GetBytes(body);

        bool taken = RequestParser.TryTakeName(ref rest, out ReadOnlySpan<byte> found);

        Assert.Equal(name is not null, taken);
        Assert.Equal(name ?? "", System.Text.Encoding.ASCII.GetString(found));
    }
}
