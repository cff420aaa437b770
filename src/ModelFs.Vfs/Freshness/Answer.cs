using ModelFs.Registries;

namespace ModelFs.Vfs.Freshness;

/// <summary>What is known about a question: a value, or why there is none.</summary>
/// <param name="Ttl">How long the kernel may believe it. Zero for every failure but <see cref="RegistryErrorKind.NotFound"/>.</param>
internal readonly record struct Answer<T>(T? Value, RegistryError? Error, TimeSpan Ttl)
    where T : class
{
    public bool IsOk => Error is null;

    public static implicit operator Answer<T>(RegistryError error) => new(null, error, TimeSpan.Zero);

    /// <summary>The same failure, as the answer to another question.</summary>
    public Answer<TOther> As<TOther>()
        where TOther : class => new(null, Error, Ttl);
}
