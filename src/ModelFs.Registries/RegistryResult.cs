namespace ModelFs.Registries;

public enum RegistryErrorKind
{
    /// <summary>The registry says that there is no such thing.</summary>
    NotFound,

    /// <summary>The registry refuses these credentials, or a local rule forbids the address or path.</summary>
    Denied,

    /// <summary>Down, unreachable, overloaded, or too slow.</summary>
    Unavailable,

    /// <summary>It answered what makes no sense, or what is not safe to use.</summary>
    Malformed,

    /// <summary>It exists, but in a form that cannot be read here: a storage without a client, say.</summary>
    Unsupported,

    /// <summary>Other content has taken the place of what was asked for, or its server can no longer tell.</summary>
    Changed,
}

/// <param name="Message">One sentence for a person: what was asked of whom, what came back, and what to do. No credentials.</param>
public sealed record RegistryError(RegistryErrorKind Kind, string Message);

/// <summary>An answer, or how it failed.</summary>
public readonly struct RegistryResult<T>
{
    private readonly T value;

    private RegistryResult(T value, RegistryError? error)
    {
        this.value = value;
        Error = error;
    }

    public RegistryError? Error { get; }

    public bool IsOk => Error is null;

    /// <exception cref="InvalidOperationException">The result is an error.</exception>
    public T Value => Error is null ? value : throw new InvalidOperationException(Error.Message);

    public static implicit operator RegistryResult<T>(T value) => new(value, null);

    public static implicit operator RegistryResult<T>(RegistryError error) => new(default!, error);
}
