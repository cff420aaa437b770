using System.Text;
using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests.Trees;

/// <summary>A tree of files that change: what is believed, for how long, and what a change does to who has the file open.</summary>
public sealed class TreeOfFilesTests
{
    private const int Block = CacheOptions.BlockSize;

    private static readonly TimeSpan Found = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Absent = TimeSpan.FromSeconds(10);

    private static async Task<TreeUnderTest> StartAsync(params (string Path, string Text)[] files)
    {
        var memory = new MemoryFiles();
        foreach (var (path, text) in files)
            memory.Put(path, text);
        return await TreeUnderTest.StartAsync(files: memory);
    }

    private static byte[] Filled(char with, int length) => Encoding.ASCII.GetBytes(new string(with, length));

    [Fact]
    public async Task A_tree_of_files_lies_beside_the_registries_with_the_names_as_they_are()
    {
        await using var tree = await StartAsync(("a%2Fb.txt", "x"), ("dir/sub dir/f", "deep"), ("e", ""));
        Assert.Equal(["MLFLOW", "WWW"], await tree.NamesAsync(1));
        Assert.Equal(["a%2Fb.txt", "dir", "e"], await tree.NamesAsync(await tree.NodeAsync("WWW")));
        Assert.Equal("deep", Encoding.UTF8.GetString(await tree.ReadAsync(await tree.NodeAsync("WWW/dir/sub dir/f"))));
        Assert.Empty(await tree.ReadAsync(await tree.NodeAsync("WWW/e")));
        Assert.Equal(0UL, (await tree.LookupAsync(await tree.NodeAsync("WWW"), "..%2f")).Node);
    }

    [Fact]
    public async Task The_kernel_and_we_together_believe_a_name_no_longer_than_its_TTL()
    {
        await using var tree = await StartAsync(("f", "old"));
        var root = await tree.NodeAsync("WWW");
        for (var passed = TimeSpan.Zero; passed < Found; passed += TimeSpan.FromSeconds(20))
        {
            var entry = await tree.LookupAsync(root, "f");
            var absent = await tree.LookupAsync(root, "g");
            Assert.InRange(entry.EntryTtl, TimeSpan.Zero, passed == TimeSpan.Zero ? Found / 2 : Found);
            Assert.InRange(absent.EntryTtl, TimeSpan.Zero, Absent / 2);
            tree.Time.Advance(TimeSpan.FromSeconds(20));
        }
    }

    [Fact]
    public async Task A_name_is_asked_for_once_in_its_TTL_and_an_absent_one_in_its_own()
    {
        await using var tree = await StartAsync(("f", "x"));
        var root = await tree.NodeAsync("WWW");
        for (var i = 0; i < 14; i++)
        {
            await tree.LookupAsync(root, "f");
            await tree.LookupAsync(root, "g");
            tree.Time.Advance(Absent);
        }

        Assert.Single(tree.Files!.Calls, "find f");
        Assert.Equal(14, tree.Files.Calls.Count(call => call == "find g"));
    }

    [Fact]
    public async Task A_change_makes_a_new_node_after_the_TTL_and_the_old_one_keeps_what_it_was()
    {
        await using var tree = await StartAsync(("f", "old content"));
        var root = await tree.NodeAsync("WWW");
        var old = await tree.LookupAsync(root, "f");
        Assert.Equal("old content", Encoding.UTF8.GetString(await tree.ReadAsync(old.Node)));

        tree.Files!.Put("f", "new", "\"2\"");
        Assert.Equal(old.Attributes, (await tree.LookupAsync(root, "f")).Attributes);
        tree.Time.Advance(Found);

        var changed = await tree.LookupAsync(root, "f");
        Assert.NotEqual(old.Attributes.Inode, changed.Attributes.Inode);
        Assert.Equal(3UL, changed.Attributes.Size);
        Assert.Equal("new", Encoding.UTF8.GetString(await tree.ReadAsync(changed.Node)));
        Assert.Equal(11UL, (await tree.Kernel.GetAttrAsync(old.Node)).Attributes.Size);
        Assert.Equal("old content", (await tree.Kernel.ReadAsync(old.Node, 0, 0, 4096)).Text);
    }

    [Fact]
    public async Task An_open_file_that_changes_gives_its_old_bytes_or_an_error_and_the_name_is_looked_up_anew()
    {
        var memory = new MemoryFiles();
        memory.Put("f", Filled('a', 40 * Block), "\"1\"");
        await using var tree = await TreeUnderTest.StartAsync(files: memory);
        var root = await tree.NodeAsync("WWW");
        var old = (await tree.LookupAsync(root, "f")).Node;
        var open = (await tree.Kernel.OpenAsync(old)).Open;
        Assert.Equal(Filled('a', 4096), (await tree.Kernel.ReadAsync(old, open.Handle, 20 * Block, 4096)).Payload);

        memory.Put("f", Filled('b', 40 * Block), "\"2\"");
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.ReadAsync(old, open.Handle, 35 * Block, 4096)).Error);
        Assert.Equal(Filled('a', 4096), (await tree.Kernel.ReadAsync(old, open.Handle, 20 * Block, 4096)).Payload);

        // Before the TTL, since somebody saw it: who opens the old node is sent to look the name up again.
        Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.OpenAsync(old)).Error);
        var now = (await tree.LookupAsync(root, "f")).Node;
        Assert.NotEqual(old, now);
        Assert.Equal(Filled('b', 40 * Block), await tree.ReadAsync(now));
        Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.OpenAsync(old)).Error);
    }

    [Fact]
    public async Task A_file_that_comes_back_to_what_it_was_is_the_old_node_again()
    {
        var memory = new MemoryFiles();
        memory.Put("f", Filled('a', 3 * Block), "\"1\"");
        await using var tree = await TreeUnderTest.StartAsync(files: memory);
        var root = await tree.NodeAsync("WWW");
        var old = (await tree.LookupAsync(root, "f")).Node;
        memory.Put("f", "b", "\"2\"");
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.ReadAsync(old, 0, 0, 4096)).Error);
        memory.Put("f", Filled('a', 3 * Block), "\"1\"");
        Assert.Equal(old, (await tree.LookupAsync(root, "f")).Node);
        // A read that failed is not tried again for a moment.
        for (var end = DateTime.UtcNow + TimeSpan.FromSeconds(20); (await tree.Kernel.ReadAsync(old, 0, 0, 4096)).Error != 0; await Task.Delay(20))
            Assert.True(DateTime.UtcNow < end, "the old content cannot be read");
        Assert.Equal(Filled('a', 3 * Block), await tree.ReadAsync(old));
    }

    [Fact]
    public async Task A_file_that_is_gone_is_absent_after_the_TTL_and_was_never_an_empty_one()
    {
        await using var tree = await StartAsync(("f", "x"));
        var root = await tree.NodeAsync("WWW");
        var old = (await tree.LookupAsync(root, "f")).Node;
        tree.Files!.Remove("f");
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.ReadAsync(old, 0, 0, 4096)).Error);
        Assert.Equal(0UL, (await tree.LookupAsync(root, "f")).Node);
    }

    [Fact]
    public async Task Ten_thousand_files_are_listed_and_asked_for_once()
    {
        var memory = new MemoryFiles();
        for (var i = 0; i < 10_000; i++)
            memory.Put($"f{i:D5}", "x");
        await using var tree = await TreeUnderTest.StartAsync(files: memory);
        var root = await tree.NodeAsync("WWW");
        var names = await tree.NamesAsync(root);
        Assert.Equal(10_000, names.Length);
        Assert.Equal(["list "], memory.Calls);
        foreach (var name in names)
            await tree.LookupAsync(root, name);
        memory.ForgetCalls();

        var again = await tree.ListAsync(root, plus: true, size: 64 << 10);
        Assert.Equal(10_002, again.Count);
        Assert.All(again.Where(entry => entry.Name[0] == 'f'), entry => Assert.NotEqual(0UL, entry.Entry!.Node));
        Assert.Empty(memory.Calls);
    }

    [Fact]
    public async Task Node_ids_and_offsets_of_a_tree_mean_the_same_after_a_restart()
    {
        await using var tree = await StartAsync(("d/a", "1"), ("d/b", "2"), ("d/c", "3"));
        var directory = await tree.NodeAsync("WWW/d");
        var file = await tree.WalkAsync("WWW/d/b");
        var middle = (await tree.ListAsync(directory)).Single(entry => entry.Name == "a").Next;
        await tree.RestartAsync();

        Assert.Equal("2", (await tree.Kernel.ReadAsync(file.Node, 0, 0, 10)).Text);
        Assert.Equal(1UL, (await tree.Kernel.GetAttrAsync(file.Node)).Attributes.Size);
        Assert.Equal(["b", "c"], (await tree.ListAsync(directory, offset: middle)).Select(entry => entry.Name));
        Assert.Equal(directory, await tree.NodeAsync("WWW/d"));
        // Read whole, it may be sealed by now: then its next open has another id and the same inode.
        Assert.Equal(file.Attributes, (await tree.WalkAsync("WWW/d/b")).Attributes);
    }

    [Fact]
    public async Task What_is_known_of_a_tree_whose_server_is_down_is_served_after_a_restart_too()
    {
        await using var tree = await StartAsync(("d/f", "content"));
        Assert.Equal("content", Encoding.UTF8.GetString(await tree.ReadAsync(await tree.NodeAsync("WWW/d/f"))));
        await tree.NamesAsync(await tree.NodeAsync("WWW/d"));
        tree.Files!.Fault = MemoryRegistry.Down;
        await tree.RestartAsync();
        tree.Time.Advance(Found * 2);

        var directory = tree.NodeAsync("WWW/d");
        await tree.Time.RunUntilAsync(directory, TimeSpan.FromSeconds(2));
        var names = tree.NamesAsync(await directory);
        await tree.Time.RunUntilAsync(names, TimeSpan.FromSeconds(2));
        Assert.Equal(["f"], await names);
        var file = tree.LookupAsync(await directory, "f");
        await tree.Time.RunUntilAsync(file, TimeSpan.FromSeconds(2));
        Assert.Equal("content", Encoding.UTF8.GetString(await tree.ReadAsync((await file).Node)));
        Assert.Equal(Errno.EIO, (Errno)(await tree.Kernel.LookupAsync(await directory, "unknown")).Error);
    }

    [Theory]
    [InlineData(RegistryErrorKind.Denied, Errno.EACCES)]
    [InlineData(RegistryErrorKind.Unavailable, Errno.EIO)]
    [InlineData(RegistryErrorKind.Malformed, Errno.EIO)]
    [InlineData(RegistryErrorKind.Unsupported, Errno.EOPNOTSUPP)]
    public async Task A_server_that_fails_makes_no_name_absent(RegistryErrorKind kind, Errno errno)
    {
        await using var tree = await StartAsync(("f", "x"));
        var root = await tree.NodeAsync("WWW");
        tree.Files!.Fault = new RegistryError(kind, "no");
        Assert.Equal(errno, (Errno)(await tree.Kernel.LookupAsync(root, "f")).Error);
        Assert.Equal(errno, (Errno)(await tree.Kernel.ReadDirAsync(root, 0, 0, 4096, false)).Error);
    }

    [Fact]
    public async Task A_name_that_its_directory_does_not_list_is_found_all_the_same()
    {
        await using var tree = await StartAsync((".hidden", "x"), ("f", "y"));
        tree.Files!.Hidden.Add(".hidden");
        Assert.Equal(["f"], await tree.NamesAsync(await tree.NodeAsync("WWW")));
        Assert.Equal("x", Encoding.UTF8.GetString(await tree.ReadAsync(await tree.NodeAsync("WWW/.hidden"))));
    }

    [Fact]
    public async Task A_length_that_the_server_does_not_tell_is_learned_by_the_first_lookup()
    {
        await using var tree = await StartAsync(("f", "seven 7"));
        tree.Files!.TellsSizes = false;
        var entry = await tree.WalkAsync("WWW/f");
        Assert.Equal(7UL, entry.Attributes.Size);
        Assert.Equal("seven 7", Encoding.UTF8.GetString(await tree.ReadAsync(entry.Node)));
        Assert.Equal(7UL, (await tree.Kernel.GetAttrAsync(entry.Node)).Attributes.Size);
        Assert.Single(tree.Files.Calls, "open f");
    }

    [Fact]
    public async Task The_verbs_walk_a_tree_of_files_and_say_what_there_is_instead()
    {
        await using var tree = await StartAsync(("d/f", "12345"), ("d/e/x", ""));
        var file = Assert.IsType<TreeFileNode>((await tree.Tree.ResolveAsync("WWW/d/f", true, default)).Value);
        Assert.Equal((5, "WWW/d/f"), (file.Size, file.Path));
        using (var open = tree.Tree.Open(file))
            Assert.Equal(5, (await open.GetSizeAsync(default)).Value);
        var listed = new List<string>();
        await foreach (var child in tree.Tree.ListAsync((await tree.Tree.ResolveAsync("WWW/d", true, default)).Value!, default))
            listed.Add($"{child.Value!.GetType().Name} {child.Value.Path}");
        Assert.Equal(["TreeDirectoryNode WWW/d/e", "TreeFileNode WWW/d/f"], listed);

        var missing = await tree.Tree.ResolveAsync("WWW/d/g", true, default);
        Assert.Equal((Errno.ENOENT, "WWW/d has no 'g'; it has: e, f"), (missing.Error, missing.Message));
        Assert.Equal(Errno.ENOTDIR, (await tree.Tree.ResolveAsync("WWW/d/f/g", true, default)).Error);
    }

    [Fact]
    public async Task Attributes_say_which_content_of_a_file_it_is()
    {
        await using var tree = await StartAsync(("f", "x"));
        var node = await tree.NodeAsync("WWW/f");
        await tree.ReadAsync(node);
        Assert.Equal("WWW", (await tree.Kernel.GetXAttrAsync(node, "user.modelfs.registry")).Text);
        Assert.Equal("\"1\"", (await tree.Kernel.GetXAttrAsync(node, "user.modelfs.revision")).Text);
        // A reader has its bytes before the disk has them.
        await TreeUnderTest.EventuallyAsync(async () => (await tree.Kernel.GetXAttrAsync(node, "user.modelfs.cached")).Text == "1");
        Assert.Equal(Errno.ENODATA, (Errno)(await tree.Kernel.GetXAttrAsync(node, "user.modelfs.digest")).Error);
    }
}
