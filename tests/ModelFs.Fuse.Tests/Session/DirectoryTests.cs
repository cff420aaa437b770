using System.Text;
using FsCheck;
using FsCheck.Fluent;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class DirectoryTests
{
    private const int EntrySize = 128;

    private readonly ScriptedFileSystem fileSystem = new();

    [Fact]
    public async Task Names_are_padded_to_eight_bytes_with_zeros()
    {
        List(["a", "seven77", "eight888", "nine99999"]);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply reply = await session.Kernel.ReadDirAsync(1, 8, 0, 4096);

        Assert.Equal(32 + 32 + 32 + 40, reply.Payload.Length);
        Assert.Equal(["a", "seven77", "eight888", "nine99999"], reply.Directory(plus: false).Select(entry => entry.Name));
        Assert.All(reply.Payload[25..32], pad => Assert.Equal(0, pad));
    }

    [Theory]
    [InlineData(false, 64, 2)]
    [InlineData(false, 63, 1)]
    [InlineData(true, 64 + (2 * EntrySize), 2)]
    [InlineData(true, 63 + (2 * EntrySize), 1)]
    public async Task A_reply_is_filled_to_the_last_byte_and_not_beyond(bool plus, int size, int count)
    {
        List(["one", "two", "three"]);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply reply = await session.Kernel.ReadDirAsync(1, 8, 0, size, plus);

        Assert.Equal(count, reply.Directory(plus).Count);
        Assert.True(reply.Payload.Length <= size);
    }

    [Fact]
    public async Task A_listing_continues_at_the_offset_of_its_last_entry()
    {
        string[] names = [.. Enumerable.Range(0, 100).Select(number => $"model-{number}")];
        List(names);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        var seen = new List<string>();
        long offset = 0;
        while ((await session.Kernel.ReadDirAsync(1, 8, offset, 300)).Directory(plus: false) is { Count: > 0 } page)
        {
            seen.AddRange(page.Select(entry => entry.Name));
            offset = page[^1].Next;
        }

        Assert.Equal(names, seen);
    }

    [Fact]
    public async Task Readdirplus_carries_the_entry_or_says_that_there_is_none()
    {
        var entry = new FuseEntry(5, ScriptedFileSystem.File, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
        fileSystem.OnReadDirectory = (_, _, writer) =>
        {
            Assert.True(writer.WantsAttributes);
            writer.TryAdd("."u8, entry with { NodeId = 1 }, 1);
            writer.TryAdd(".."u8, entry with { NodeId = 1 }, 2);
            writer.TryAdd("with"u8, entry, 3);
            writer.TryAdd("without"u8, 43, FuseFileType.Directory, 4);
            return new(default(Unit));
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        IReadOnlyList<ScriptedDirectoryEntry> entries = (await session.Kernel.ReadDirAsync(1, 8, 0, 4096, plus: true)).Directory(plus: true);

        // The kernel does not count a lookup for the first two, so they must not have one.
        Assert.Equal([0UL, 0UL, 5UL, 0UL], entries.Select(each => each.Entry!.Node));
        Assert.Equal((TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)), (entries[2].Entry!.EntryTtl, entries[2].Entry!.AttributesTtl));
        Assert.Equal((42UL, 8u), (entries[2].Inode, entries[2].Type));
        Assert.Equal((43UL, 4u), (entries[3].Inode, entries[3].Type));
    }

    [Fact]
    public async Task Plain_readdir_takes_entries_too_and_leaves_their_attributes_out()
    {
        fileSystem.OnReadDirectory = (_, _, writer) =>
        {
            Assert.False(writer.WantsAttributes);
            writer.TryAdd("with"u8, new FuseEntry(5, ScriptedFileSystem.File, TimeSpan.Zero, TimeSpan.Zero), 1);
            return new(default(Unit));
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedDirectoryEntry entry = Assert.Single((await session.Kernel.ReadDirAsync(1, 8, 0, 4096)).Directory(plus: false));

        Assert.Equal(("with", 42UL, 1L, 8u), (entry.Name, entry.Inode, entry.Next, entry.Type));
    }

    [Fact]
    public async Task The_end_is_an_empty_reply_and_no_room_for_one_entry_is_an_error()
    {
        List(["name"]);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply end = await session.Kernel.ReadDirAsync(1, 8, 1, 4096);

        Assert.Equal((0, 0), (end.Error, end.Payload.Length));
        Assert.Equal((int)Errno.EINVAL, (await session.Kernel.ReadDirAsync(1, 8, 0, 31)).Error);
    }

    [Fact]
    public async Task A_short_name_does_not_slip_in_behind_one_that_was_refused()
    {
        fileSystem.OnReadDirectory = (_, _, writer) =>
        {
            Assert.True(writer.TryAdd("first"u8, 1, FuseFileType.Regular, 1));
            Assert.False(writer.TryAdd(Encoding.ASCII.GetBytes(new string('x', 200)), 2, FuseFileType.Regular, 2));
            Assert.False(writer.TryAdd("c"u8, 3, FuseFileType.Regular, 3));
            return new(default(Unit));
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Single((await session.Kernel.ReadDirAsync(1, 8, 0, 128)).Directory(plus: false));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("256")]
    public async Task A_name_that_no_file_can_have_fails_the_listing_and_is_logged(string name)
    {
        name = name == "256" ? new string('x', 256) : name;
        List([name]);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EIO, (await session.Kernel.ReadDirAsync(1, 8, 0, 4096)).Error);
        Assert.Single(session.Log.Errors);
    }

    [Fact]
    public async Task Any_names_come_back_as_they_were_added()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        Gen<byte[]> name = Gen.Choose(1, 255).SelectMany(length => Gen.Choose('0', 255).Select(value => (byte)value).ArrayOf(length));

        Prop.ForAll(name.ArrayOf().ToArbitrary(), names =>
        {
            ListBytes(names);
            foreach (bool plus in new[] { false, true })
            {
                var seen = new List<ScriptedDirectoryEntry>();
                while (session.Kernel.ReadDirAsync(1, 8, seen.Count, 1000, plus).GetAwaiter().GetResult().Directory(plus) is { Count: > 0 } page)
                    seen.AddRange(page);
                Assert.Equal(names.Select(each => Encoding.UTF8.GetString(each)), seen.Select(entry => entry.Name));
            }
        }).QuickCheckThrowOnFailure();
    }

    private void List(string[] names) => ListBytes([.. names.Select(Encoding.UTF8.GetBytes)]);

    private void ListBytes(byte[][] names) => fileSystem.OnReadDirectory = (_, offset, writer) =>
    {
        for (int at = (int)offset; at < names.Length; at++)
        {
            if (!writer.TryAdd(names[at], (ulong)at + 1, FuseFileType.Regular, at + 1))
                break;
        }

        return new(default(Unit));
    };
}
