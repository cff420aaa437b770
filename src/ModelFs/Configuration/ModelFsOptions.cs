using System.Net;
using Microsoft.Extensions.Logging;
using ModelFs.Registries;

namespace ModelFs.Configuration;

internal enum LogFormat
{
    /// <summary>Human on a terminal, JSON elsewhere.</summary>
    Auto,
    Human,
    Json,
}

/// <summary>Everything that can be configured, checked.</summary>
internal sealed record ModelFsOptions
{
    /// <summary>Directory of the cached blocks. Default <c>/var/cache/modelfs</c> for root, else <c>$XDG_CACHE_HOME/modelfs</c> or <c>~/.cache/modelfs</c>.</summary>
    public required string Cache { get; init; }

    /// <summary>Directory of the index, which must be local where <see cref="Cache"/> is not. Default <c>index</c> inside it.</summary>
    public string? Index { get; init; }

    /// <summary>Bytes that the cache may take on disk. Default 100 GiB, at least 64 MiB: below that a few open files leave no room to evict.</summary>
    public long CacheSize { get; init; } = 100L << 30;

    /// <summary>Bytes of the filesystem that the cache leaves free. Default 1 GiB: a full disk hurts more than a miss.</summary>
    public long MinFree { get; init; } = 1L << 30;

    /// <summary>How long an alias, a listing or a missing name is believed. Default 10 s, 0 to 1 h: longer, and nobody notices that an alias moved.</summary>
    public TimeSpan AliasTtl { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a request of the kernel may take before it gets EIO. Default 60 s, 1 s to 1 h; more than any registry's total timeout.</summary>
    public TimeSpan RequestDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether other users may enter the mount. Default yes for root, else no: <c>fusermount3</c> wants <c>user_allow_other</c> for it.</summary>
    public bool AllowOther { get; init; }

    /// <summary>Whether links to the registries stand beside the mount point. Default no: only who binds the parent elsewhere needs them.</summary>
    public bool Links { get; init; }

    /// <summary>Where probes and Prometheus are answered. Default nowhere.</summary>
    public IPEndPoint? Metrics { get; init; }

    public LogFormat LogFormat { get; init; }

    /// <summary>The least level that is logged. Default information for <c>mount</c>; the other verbs log only when this is set.</summary>
    public LogLevel? LogLevel { get; init; }

    /// <summary>Paths of the tree, or <c>models:/</c> URIs, that a mount fetches at its start and again when an alias in them moves. Default none.</summary>
    public IReadOnlyList<string> Prefetch { get; init; } = [];

    /// <summary>In the order in which they were configured; names differ.</summary>
    public IReadOnlyList<RegistryOptions> Registries { get; init; } = [];

    /// <summary>For each registry's name, where its address was given: file and line, variable or flag.</summary>
    public IReadOnlyDictionary<string, string> RegistrySources { get; init; } = new Dictionary<string, string>();
}
