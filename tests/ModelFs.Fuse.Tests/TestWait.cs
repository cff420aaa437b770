using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests;

internal static class TestWait
{
    /// <exception cref="TimeoutException">It did not become true.</exception>
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(ScriptedKernel.Patience);
        while (!condition())
        {
            if (patience.IsCancellationRequested)
                throw new TimeoutException("it did not become true");
            await Task.Delay(5);
        }
    }
}
