namespace ModelFs.Vfs;

public sealed record TreeOptions
{
    /// <summary>How long an alias, a listing or a missing name is believed, by us and by the kernel alike. Default 10 s, 0 to 1 h.</summary>
    public TimeSpan AliasTtl { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a lookup waits for a fresh answer when it has an old one. Default 250 ms.</summary>
    public TimeSpan StaleWait { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long the kernel may believe what never changes. Default 1 h.</summary>
    public TimeSpan ImmutableTtl { get; init; } = TimeSpan.FromHours(1);
}
