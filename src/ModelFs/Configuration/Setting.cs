using System.Net;
using Microsoft.Extensions.Logging;

namespace ModelFs.Configuration;

/// <summary>One setting: a key of the file, a variable and a flag, which are one name in three spellings.</summary>
/// <param name="Key">As the file has it: <c>cacheSize</c>; the variable is <c>MODELFS_CACHE_SIZE</c>, the flag <c>--cache-size</c>.</param>
/// <param name="Apply">Sets it, or throws a <see cref="FormatException"/> that says what the value may be.</param>
internal sealed record Setting(string Key, string Argument, string Help, Func<ModelFsOptions, string, ModelFsOptions> Apply)
{
    public string Flag { get; } = "--" + Words(Key, '-');

    public string Variable { get; } = VariablePrefix + Words(Key, '_').ToUpperInvariant();

    /// <summary>The file may have a list; its items come one a line, as in a variable.</summary>
    public bool IsList { get; init; }

    public const string VariablePrefix = "MODELFS_";

    public static IReadOnlyList<Setting> All { get; } =
    [
        new("cache", "DIR", "Directory of the cached blocks.", (o, v) => o with { Cache = Path.GetFullPath(NotEmpty(v)) }),
        new("index", "DIR", "Directory of the cache's index, when it has to lie elsewhere: it must be local.",
            (o, v) => o with { Index = Path.GetFullPath(NotEmpty(v)) }),
        new("cacheSize", "SIZE", "Bytes that the cache may take on disk (default 100GiB, at least 64MiB).",
            (o, v) => o with { CacheSize = Size(v, 64L << 20, "64MiB") }),
        new("minFree", "SIZE", "Bytes of the disk that the cache leaves free (default 1GiB).", (o, v) => o with { MinFree = Size(v, 0, "0") }),
        new("aliasTtl", "TIME", "How long an alias is believed before the registry is asked again (default 10s, 0 to 1h).",
            (o, v) => o with { AliasTtl = Time(v, TimeSpan.Zero, TimeSpan.FromHours(1)) }),
        new("requestDeadline", "TIME", "How long a read may take before it fails with EIO (default 60s, 1s to 1h).",
            (o, v) => o with { RequestDeadline = Time(v, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)) }),
        new("allowOther", "true|false", "Whether other users may enter the mount (default true for root, else false).",
            (o, v) => o with { AllowOther = Flagged(v) }),
        new("links", "true|false", "Whether links to the registries are kept beside the mount point, for who binds its parent (default false).",
            (o, v) => o with { Links = Flagged(v) }),
        new("metrics", "ADDRESS:PORT", "Where health (/healthz/live, ready, started) and /metrics are answered, such as 0.0.0.0:9464 (default nowhere).",
            (o, v) => o with { Metrics = EndPoint(v) }),
        new("logFormat", "human|json", "How the log is written (default human on a terminal, else json).",
            (o, v) => o with { LogFormat = OneOf(v, ("human", LogFormat.Human), ("json", LogFormat.Json)) }),
        new("logLevel", "LEVEL", "Least level that is logged: debug, information, warning or error.",
            (o, v) => o with
            {
                LogLevel = OneOf(v, ("debug", LogLevel.Debug), ("information", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error)),
            }),
        new("prefetch", "PATHS", "Paths that a mount fetches at its start, one a line, and again when an alias in them moves.",
            (o, v) => o with { Prefetch = v.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) }) { IsList = true },
    ];

    internal static string NotEmpty(string value) => value.Length > 0 ? value : throw new FormatException("must not be empty");

    internal static bool Flagged(string value) => OneOf(value, ("true", true), ("false", false));

    internal static TimeSpan Time(string value, TimeSpan least, TimeSpan most) =>
        !Duration.TryParse(value, out var time) ? throw new FormatException("is not " + Duration.Forms)
        : time < least || time > most ? throw new FormatException($"is out of range: {Duration.Exact(least)} to {Duration.Exact(most)}")
        : time;

    internal static long Size(string value, long least, string leastText) =>
        !ByteSize.TryParse(value, out var size) ? throw new FormatException("is not " + ByteSize.Forms)
        : size < least ? throw new FormatException($"is out of range: at least {leastText}")
        : size;

    /// <summary>With a port; port 0 is any that is free, and the log says which.</summary>
    private static IPEndPoint EndPoint(string value) =>
        IPEndPoint.TryParse(value, out var endPoint) && endPoint.ToString() == value
            ? endPoint
            : throw new FormatException("is no ADDRESS:PORT, such as 0.0.0.0:9464 or [::]:9464");

    private static T OneOf<T>(string value, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        var names = new List<string>();
        foreach (var (name, choice) in choices)
        {
            if (value.Equals(name, StringComparison.OrdinalIgnoreCase))
                return choice;
            names.Add(name);
        }

        throw new FormatException("is none of " + string.Join(", ", names));
    }

    private static string Words(string key, char separator) =>
        string.Concat(key.Select(c => char.IsUpper(c) ? $"{separator}{char.ToLowerInvariant(c)}" : $"{c}"));
}
