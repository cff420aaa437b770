using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Testing.Kernel;

namespace ModelFs.Vfs.Tests.Support;

/// <summary>A registry in memory, a real cache, the tree and a session that a scripted kernel drives. Time stands still unless it is moved.</summary>
internal sealed class TreeUnderTest : IAsyncDisposable
{
    public const string RegistryName = "MLFLOW";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string directory = System.IO.Directory.CreateTempSubdirectory("modelfs-vfs-").FullName;
    private readonly TreeOptions options;
    private BlockCache? cache;
    private ModelTree? tree;
    private ModelFileSystem? fileSystem;
    private ScriptedKernel? kernel;
    private FuseSession? session;

    private TreeUnderTest(TreeOptions options) => this.options = options;

    public MemoryRegistry Registry { get; } = new();

    /// <summary>A tree of files beside the registry, where a test wants one.</summary>
    public MemoryFiles? Files { get; private init; }

    public VirtualTime Time { get; } = new();

    /// <summary>What the cache may take.</summary>
    public required long CacheBytes { get; init; }

    public ModelTree Tree => tree!;

    public BlockCache Cache => cache!;

    public ModelFileSystem FileSystem => fileSystem!;

    public ScriptedKernel Kernel => kernel!;

    public static async Task<TreeUnderTest> StartAsync(Action<MemoryRegistry>? fill = null, TreeOptions? options = null, MemoryFiles? files = null, long? cacheBytes = null)
    {
        var tree = new TreeUnderTest(options ?? new TreeOptions()) { Files = files, CacheBytes = cacheBytes ?? new CacheOptions { Directory = "/" }.MaxBytes };
        fill?.Invoke(tree.Registry);
        await tree.OpenAsync();
        return tree;
    }

    /// <summary>Ends the daemon and starts another one on the same directory. The registry goes on, and so may the kernel's node ids and offsets.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        await OpenAsync();
    }

    public async Task<ScriptedEntry> LookupAsync(ulong parent, string name)
    {
        var reply = await Kernel.LookupAsync(parent, name);
        Assert.Equal(Errno.None, (Errno)reply.Error);
        return reply.Entry;
    }

    /// <summary>Walks a path as the kernel does, following no link.</summary>
    public async Task<ScriptedEntry> WalkAsync(string path)
    {
        ScriptedEntry? entry = null;
        foreach (var name in path.Split('/'))
        {
            entry = await LookupAsync(entry?.Node ?? 1, name);
            Assert.True(entry.Node != 0, $"{name} of {path} is not there");
        }

        return entry!;
    }

    public async Task<ulong> NodeAsync(string path) => (await WalkAsync(path)).Node;

    public async Task<string> LinkAsync(string path) => (await Kernel.ReadLinkAsync(await NodeAsync(path))).Text;

    public async Task<byte[]> ReadAsync(ulong node, int blockSize = 128 * 1024)
    {
        var open = await Kernel.OpenAsync(node);
        Assert.Equal(Errno.None, (Errno)open.Error);
        var content = new MemoryStream();
        while (true)
        {
            var read = await Kernel.ReadAsync(node, open.Open.Handle, content.Length, blockSize);
            Assert.Equal(Errno.None, (Errno)read.Error);
            content.Write(read.Payload);
            if (read.Payload.Length < blockSize)
                break;
        }

        await Kernel.ReleaseAsync(node, open.Open.Handle);
        return content.ToArray();
    }

    /// <summary>Reads a directory to its end, a page at a time.</summary>
    public async Task<List<ScriptedDirectoryEntry>> ListAsync(ulong node, bool plus = false, long offset = 0, int size = 4096)
    {
        var all = new List<ScriptedDirectoryEntry>();
        while (true)
        {
            var reply = await Kernel.ReadDirAsync(node, 0, offset, size, plus);
            Assert.Equal(Errno.None, (Errno)reply.Error);
            var entries = reply.Directory(plus);
            if (entries.Count == 0)
                return all;
            all.AddRange(entries);
            offset = entries[^1].Next;
        }
    }

    public async Task<string[]> NamesAsync(ulong node) =>
        [.. (await ListAsync(node)).Select(entry => entry.Name).Where(name => name is not ("." or ".."))];

    /// <summary>Waits, in real time, for what goes on in the background.</summary>
    public static Task EventuallyAsync(Func<bool> condition) => EventuallyAsync(() => Task.FromResult(condition()));

    public static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        for (var end = DateTime.UtcNow + Patience; !await condition(); await Task.Delay(5))
            Assert.True(DateTime.UtcNow < end, "it did not happen");
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await CloseAsync();
        }
        finally
        {
            System.IO.Directory.Delete(directory, recursive: true);
        }
    }

    private async Task OpenAsync()
    {
        cache = await BlockCache.OpenAsync(new CacheOptions { Directory = directory, MaxBytes = CacheBytes, MinFreeBytes = 0 }, NullLoggerFactory.Instance, new MovedClock(Time));
        IReadOnlyList<(string, IRegistry)> registries = Files is null ? [(RegistryName, Registry)] : [(RegistryName, Registry), (MemoryFiles.Name, Files)];
        tree = new ModelTree(registries, cache, options, NullLoggerFactory.Instance, Time);
        fileSystem = new ModelFileSystem(tree, NullLoggerFactory.Instance);
        kernel = new ScriptedKernel();
        session = new FuseSession(kernel, fileSystem, new FuseMountOptions(), NullLoggerFactory.Instance);
        session.Start();
        await kernel.InitAsync();
        await session.Ready.WaitAsync(Patience);
    }

    private async Task CloseAsync()
    {
        kernel!.Unmount();
        await session!.Drained.WaitAsync(Patience);
        Assert.Empty(kernel.Refusals);
        fileSystem!.Dispose();
        await tree!.DisposeAsync();
        await cache!.DisposeAsync();
        kernel.Dispose();
    }
}
