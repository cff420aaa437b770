using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests;

/// <summary>A session that a script drives. Its end checks what must hold for every script: nothing refused, nothing answered twice.</summary>
internal sealed class SessionUnderTest : IAsyncDisposable
{
    private SessionUnderTest(FuseFileSystem fileSystem, FuseMountOptions options, TimeProvider? time)
    {
        Session = new FuseSession(Kernel, fileSystem, options, Log, time);
        Session.Start();
    }

    public ScriptedKernel Kernel { get; } = new();

    public CollectedLog Log { get; } = new();

    public FuseSession Session { get; }

    /// <summary>Replies that the script itself made stray, by abandoning their requests.</summary>
    public int ExpectedStrayReplies { get; set; }

    public static async Task<SessionUnderTest> StartAsync(FuseFileSystem fileSystem, FuseMountOptions? options = null, TimeProvider? time = null)
    {
        SessionUnderTest session = Create(fileSystem, options, time);
        await session.Kernel.InitAsync();
        await session.Session.Ready.WaitAsync(ScriptedKernel.Patience);
        return session;
    }

    /// <summary>Without the handshake.</summary>
    public static SessionUnderTest Create(FuseFileSystem fileSystem, FuseMountOptions? options = null, TimeProvider? time = null) =>
        new(fileSystem, options ?? new FuseMountOptions(), time);

    public async ValueTask DisposeAsync()
    {
        Kernel.Unmount();
        await Session.Completion.WaitAsync(ScriptedKernel.Patience);
        Assert.Empty(Kernel.Refusals);
        Assert.Equal(ExpectedStrayReplies, Kernel.StrayReplies);
    }
}
