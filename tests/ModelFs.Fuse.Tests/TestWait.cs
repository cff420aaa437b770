using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests;

internal static class TestWait
{
    /// <exception cref="TimeoutException">It did not become true.</exception>
    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <exception cref="TimeoutException">It did not become true.</exception>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(ScriptedKernel.Patience);
        while (!await condition())
        {
            if (patience.IsCancellationRequested)
                throw new TimeoutException("it did not become true");
            await Task.Delay(5);
        }
    }
}
