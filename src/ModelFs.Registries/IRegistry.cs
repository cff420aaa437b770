namespace ModelFs.Registries;

/// <summary>What is configured under one name: models (<see cref="IModelRegistry"/>) or files (<see cref="IFileTree"/>).</summary>
public interface IRegistry : IAsyncDisposable
{
    /// <summary>What is configured, fit for a log: kind and address, without credentials.</summary>
    string Description { get; }

    /// <summary>Whether the registry answers, by the cheapest request it has.</summary>
    ValueTask<RegistryResult<Unit>> PingAsync(CancellationToken cancellation);
}
