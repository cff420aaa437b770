namespace ModelFs.Tests.Harness;

/// <summary>Tests of the program beside a registry of their own.</summary>
public abstract class OriginTests : IAsyncLifetime
{
    private protected readonly Scratch scratch = new();
    private protected Origin origin = null!;

    public async Task InitializeAsync() => origin = await Origin.StartAsync(scratch);

    public async Task DisposeAsync()
    {
        await origin.DisposeAsync();
        scratch.Dispose();
    }
}
