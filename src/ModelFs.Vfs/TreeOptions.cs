namespace ModelFs.Vfs;

public sealed record TreeOptions
{
    /// <summary>How long an alias, a listing or a missing name is believed, by us and the kernel together: it is told half of this or what is left of it. Default 10 s, 0 to 1 h.</summary>
    public TimeSpan AliasTtl { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a lookup waits for a fresh answer when it has an old one. Default 250 ms, 0 to 10 s.</summary>
    public TimeSpan StaleWait { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long the kernel may believe what never changes, and how often we make sure that a version is still there. Default 1 h, 1 s to 24 h.</summary>
    public TimeSpan ImmutableTtl { get; init; } = TimeSpan.FromHours(1);

    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range; it names which.</exception>
    internal void Check()
    {
        Check(nameof(AliasTtl), AliasTtl, TimeSpan.Zero, TimeSpan.FromHours(1));
        Check(nameof(StaleWait), StaleWait, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Check(nameof(ImmutableTtl), ImmutableTtl, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
    }

    private static void Check(string name, TimeSpan value, TimeSpan least, TimeSpan most)
    {
        if (value < least || value > most)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be between {least} and {most}");
    }
}
