using ModelFs.Registries.Tests.Support;

namespace ModelFs.Registries.Tests;

/// <summary>A process whose sockets are read as the daemon's are, which a test cannot have within its own: it asks, reads, and says on which thread each wait ended.</summary>
/// <remarks>Each <see cref="Waiting"/> on standard output is a wait that has begun: only then is it answered, so that nothing is there before it is waited for.</remarks>
internal static class Program
{
    public const string Waiting = "waiting";

    public static async Task Main(string[] arguments)
    {
        var uri = new Uri(arguments[0]);
        await using var registry = TestRegistry.At(uri);
        await SayAsync(registry.PingAsync(default).AsTask());

        await using var tree = TestRegistry.Tree(uri);
        await using var content = await tree.OpenAsync(new TreeFile("file", 8, "\"tag\"", null), 0, 4, default).Must();
        await SayAsync(content.Body.ReadAsync(new byte[4]).AsTask());
        await SayAsync(tree.OpenAsync(new TreeFile("changed", 8, "\"tag\"", null), 0, 4, default).AsTask());
    }

    private static async Task<T> SayAsync<T>(Task<T> asked)
    {
        var end = asked.ContinueWith(
            static _ => Thread.CurrentThread.IsThreadPoolThread, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        Console.WriteLine(Waiting);
        Console.WriteLine(await end ? "pool" : "socket");
        return await asked;
    }
}
