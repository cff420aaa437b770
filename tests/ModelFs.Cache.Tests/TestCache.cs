using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Crash;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Tests;

/// <summary>A cache in a directory of its own, which goes with it. It can be closed and opened again.</summary>
public sealed class TestCache : IAsyncDisposable, ILoggerFactory, ILogger
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private BlockCache? cache;

    public TestCache(string? directory = null) =>
        Root = directory ?? Directory.CreateTempSubdirectory("modelfs-cache-").FullName;

    public string Root { get; }

    public CacheOptions Options => new() { Directory = Root, MaxBytes = MaxBytes, MinFreeBytes = 0, Limits = Limits, ScrubBytesPerSecond = ScrubBytesPerSecond };

    public long MaxBytes { get; set; } = 1L << 30;

    public Dictionary<string, OwnerLimits> Limits { get; } = [];

    /// <summary>So slow that nothing is verified but what a test opens, or asks for.</summary>
    public long ScrubBytesPerSecond { get; set; } = 1024;

    public ShiftedTime Time { get; } = new();

    public BlockCache Cache => cache ?? throw new InvalidOperationException("not open");

    public ConcurrentQueue<string> Lines { get; } = new();

    internal OpenObjectFile OpenFile { get; set; } = ObjectFile.Open;

    public string IndexDirectory => Path.Combine(Root, "index");

    public static async Task<TestCache> OpenAsync(long maxBytes = 1L << 30)
    {
        var test = new TestCache { MaxBytes = maxBytes };
        await test.ReopenAsync();
        return test;
    }

    public async Task ReopenAsync()
    {
        await CloseAsync();
        cache = await BlockCache.OpenAsync(Options, this, Time, OpenFile, CancellationToken.None).WaitAsync(Patience);
        await cache.Surveyed.WaitAsync(Patience);
    }

    public async Task CloseAsync()
    {
        if (cache is not null)
            await cache.DisposeAsync().AsTask().WaitAsync(Patience);
        cache = null;
    }

    public ObjectHandle Open(string name, byte[] content, IObjectSource source, bool withDigest = true) =>
        Cache.Open(TestContent.Describe(name, content, withDigest), source);

    public string ObjectPath(string name)
    {
        string key = TestContent.KeyOf(name).ToString();
        return Path.Combine(Root, "objects", key[..2], key);
    }

    /// <summary>Fetches an object whole, so that it is sealed.</summary>
    public Task FillAsync(string name, byte[] content) => FillAsync(TestContent.Describe(name, content), content);

    public async Task FillAsync(ObjectDescriptor descriptor, byte[] content)
    {
        using var handle = Cache.Open(descriptor, new TestSource(content));
        Assert.Equal(new CacheRead(content.Length, 0), await handle.CompleteAsync(CancellationToken.None).AsTask().WaitAsync(Patience));
        Assert.True(handle.State.Sealed);
    }

    /// <summary>Opens what a crash leaves: everything but the word that it was none.</summary>
    public async Task CrashAsync(Action? meanwhile = null)
    {
        await CloseAsync();
        File.Delete(Path.Combine(Root, "epoch"));
        meanwhile?.Invoke();
        await ReopenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Directory.Delete(Root, recursive: true);
    }

    ILogger ILoggerFactory.CreateLogger(string categoryName) => this;

    void ILoggerFactory.AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue($"{level} {id.Name}: {formatter(state, exception)} {exception}");

    void IDisposable.Dispose()
    {
    }
}
