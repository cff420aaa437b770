namespace ModelFs.Fuse;

/// <summary>What a handler returns: a value, or the errno that the caller's system call fails with.</summary>
/// <remarks>An error is a value here because a missing name is the common case: loaders probe dozens of optional files.</remarks>
public readonly struct FuseResult<T>
{
    private readonly T value;

    private FuseResult(T value, Errno error)
    {
        this.value = value;
        Error = error;
    }

    public Errno Error { get; }

    public bool IsOk => Error == Errno.None;

    /// <exception cref="InvalidOperationException">The result is an error.</exception>
    public T Value => IsOk ? value : throw new InvalidOperationException($"no value: {Error}");

    public static implicit operator FuseResult<T>(T value) => new(value, Errno.None);

    public static implicit operator FuseResult<T>(Errno error) => new(default!, error);
}
