using ModelFs.Registries;

namespace ModelFs.Configuration;

/// <summary>One key below <c>registries: NAME:</c>.</summary>
/// <param name="Apply">Sets it from the values the file gives (one, but for lists), or throws a <see cref="FormatException"/>.</param>
internal sealed record RegistrySetting(string Key, bool IsList, Func<RegistryOptions, IReadOnlyList<string>, RegistryOptions> Apply)
{
    /// <summary>The longest that a registry's time limits may be: past it, somebody meant another unit.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private static readonly TimeSpan LongestTtl = TimeSpan.FromDays(1);

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);

    public static IReadOnlyList<RegistrySetting> All { get; } =
    [
        One("kind", (o, v) => o with { Kind = Kind(v, "is of no known kind") }),
        One("uri", (o, v) => o with { Uri = Setting.NotEmpty(v) }),
        One("artifactsDestination", (o, v) => o with { ArtifactsDestination = Setting.NotEmpty(v) }),
        new("artifactRoots", true, (o, v) => o with { ArtifactRoots = [.. v.Select(Setting.NotEmpty)] }),
        One("allowInternalAddresses", (o, v) => o with { AllowInternalAddresses = Setting.Flagged(v) }),
        One("foundTtl", (o, v) => o with { FoundTtl = Setting.Time(v, TimeSpan.Zero, LongestTtl) }),
        One("absentTtl", (o, v) => o with { AbsentTtl = Setting.Time(v, TimeSpan.Zero, LongestTtl) }),
        new("directories", true, (o, v) => o with { Directories = [.. v.Select(Setting.NotEmpty)] }),
        One("attemptTimeout", (o, v) => o with { AttemptTimeout = Setting.Time(v, Shortest, Longest) }),
        One("totalTimeout", (o, v) => o with { TotalTimeout = Setting.Time(v, Shortest, Longest) }),
        One("maxBytes", (o, v) => o with { MaxBytes = Setting.Size(v, 64L << 20, "64MiB") }),
        One("maxAge", (o, v) => o with { MaxAge = Setting.Time(v, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650)) }),
        new("pins", true, (o, v) => o with { Pins = [.. v.Select(PinPath)] }),
        One("stallTimeout", (o, v) => o with { StallTimeout = Setting.Time(v, Shortest, Longest) }),
    ];

    /// <summary>The kinds there are.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["mlflow", "http"];

    /// <summary>Takes <c>KIND:URI</c> apart.</summary>
    public static (string Kind, string Uri) Split(string value)
    {
        var colon = value.IndexOf(':');
        if (value.AsSpan(colon + 1).StartsWith("//"))
            throw new FormatException($"has no kind before its address: write mlflow:{value} for an MLflow server, or http:{value} for a tree of files");
        return colon > 0 && colon < value.Length - 1
            ? (Kind(value[..colon], $"is of no known kind '{value[..colon]}'"), value[(colon + 1)..])
            : throw new FormatException("is not KIND:URI, such as mlflow:http://127.0.0.1:5000 or mlflow:sqlite:////srv/mlflow.db");
    }

    /// <summary>A registry's name is a directory of the mount, and needs no quoting in a shell.</summary>
    public static void CheckName(string name)
    {
        if (name.Length is 0 or > 64 || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            throw new FormatException("is no name for a registry: up to 64 letters, digits, '.', '_' and '-', the first a letter or digit");
    }

    private static string PinPath(string path) =>
        path.Split('/').All(part => part.Length > 0) && path.Contains('/')
            ? path
            : throw new FormatException("is no path of a version in the registry, such as iris/champion or iris/3");

    private static string Kind(string kind, string fault) =>
        Kinds.Contains(kind) ? kind : throw new FormatException($"{fault}: there is {string.Join(", ", Kinds)}");

    private static RegistrySetting One(string key, Func<RegistryOptions, string, RegistryOptions> apply) => new(key, false, (o, v) => apply(o, v[0]));
}
