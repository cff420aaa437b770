namespace ModelFs.Registries;

/// <summary>What is configured under one name: models (<see cref="IModelRegistry"/>) or files (<see cref="IFileTree"/>).</summary>
public interface IRegistry : IAsyncDisposable
{
    /// <summary>What is configured, fit for a log: kind and address, without credentials.</summary>
    string Description { get; }

    /// <summary>How far its server's clock was ahead of ours when it last answered; null where it has not, does not say, or is no server.</summary>
    TimeSpan? ClockSkew => null;

    /// <summary>Whether the registry answers, by the cheapest request it has.</summary>
    ValueTask<RegistryResult<Unit>> PingAsync(CancellationToken cancellation);
}
