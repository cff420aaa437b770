namespace ModelFs.Fuse.Tests.Mounting;

public sealed class ServedReadTests : MountSandbox
{
    private const int WarmUp = 500;
    private const int Measured = 2_000;

    [Fact]
    public async Task A_warm_read_through_the_kernel_allocates_nothing()
    {
        const int size = (WarmUp + Measured + 1) * 4096;
        int reads = 0;
        long before = 0;
        long allocated = -1;
        var fileSystem = new ScriptedFileSystem();
        fileSystem.OnLookup = (_, _, _) => new(new FuseEntry(2, ScriptedFileSystem.File with { Size = size }, TimeSpan.FromHours(1), TimeSpan.FromHours(1)));
        fileSystem.OnGetAttributes = (_, node) => new(new FuseAttributesReply(
            node == 1 ? new FuseAttributes(1, FuseFileType.Directory, 0b101_101_101, 0, 0) : ScriptedFileSystem.File with { Size = size }, TimeSpan.FromHours(1)));
        fileSystem.OnOpen = (_, _) => new(new FuseOpen(0, FuseOpenFlags.DirectIo));
        fileSystem.OnRead = (_, offset, destination) =>
        {
            if (offset >= size)
                return new(0);

            reads++;
            if (reads == WarmUp)
                before = GC.GetAllocatedBytesForCurrentThread();
            if (reads == WarmUp + Measured)
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            destination.Span.Clear();
            return new(destination.Length);
        };
        await MountAsync(fileSystem, Options with { ReaderThreads = 1 });

        ToolResult result = await Tool.RunAsync("dd", $"if={MountPoint}/file", "of=/dev/null", "bs=4096");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(0, allocated);
    }
}
