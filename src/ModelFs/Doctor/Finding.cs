namespace ModelFs.Doctor;

internal enum Verdict
{
    Ok,

    /// <summary>It works, but less well than it could, or something is odd.</summary>
    Warn,

    /// <summary>A mount or a read will fail.</summary>
    Fail,
}

/// <summary>What one check found.</summary>
/// <param name="Do">What to do about it; null where all is well.</param>
internal sealed record Finding(string Check, Verdict Verdict, string Found, string? Do = null)
{
    public static Finding Ok(string check, string found) => new(check, Verdict.Ok, found);

    public static Finding Warn(string check, string found, string what) => new(check, Verdict.Warn, found, what);

    public static Finding Fail(string check, string found, string what) => new(check, Verdict.Fail, found, what);
}
