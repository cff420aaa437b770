using Microsoft.Extensions.Logging;
using ModelFs.Registries;

namespace ModelFs.Vfs.Freshness;

/// <summary>Whether a registry has been worth waiting for lately, and what the log says about it.</summary>
internal sealed class RegistryHealth(string registry, TimeProvider time, ILogger log)
{
    /// <summary>After a failure the same question is not asked again for this long, and after a wait in vain nobody waits who knows an old answer.</summary>
    /// <remarks>A second: a loader that probes a thousand names costs a registry that is down one question a name, and one that is well again is seen at once.</remarks>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Refreshes under way that nobody waits for. More would let one <c>ls -l</c> of a large registry ask for each of its models.</summary>
    private const int MostRefreshes = 8;

    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly Dictionary<RegistryErrorKind, long> logged = [];
    private long? waitedInVain;
    private long? downSince;
    private long? lastAnswer;
    private int refreshes;

    /// <summary>False from the first question that it did not answer at all until the next that it did; true before there was one.</summary>
    public bool IsUp
    {
        get
        {
            lock (gate)
                return downSince is null;
        }
    }

    /// <summary>Since it last answered, or null if it has not yet.</summary>
    public TimeSpan? Age
    {
        get
        {
            lock (gate)
                return lastAnswer is { } last ? time.GetElapsedTime(last) : null;
        }
    }

    public bool IsWorthWaiting
    {
        get
        {
            lock (gate)
                return waitedInVain is not { } then || time.GetElapsedTime(then) >= Pause;
        }
    }

    public bool TryBeginRefresh()
    {
        if (Interlocked.Increment(ref refreshes) <= MostRefreshes)
            return true;
        Interlocked.Decrement(ref refreshes);
        return false;
    }

    public void EndRefresh() => Interlocked.Decrement(ref refreshes);

    public void WaitedInVain()
    {
        lock (gate)
            waitedInVain = time.GetTimestamp();
    }

    public void Answered()
    {
        TimeSpan down;
        lock (gate)
        {
            lastAnswer = time.GetTimestamp();
            if (downSince is not { } since)
                return;
            down = time.GetElapsedTime(since);
            downSince = null;
            waitedInVain = null;
            logged.Remove(RegistryErrorKind.Unavailable);
        }

        log.RegistryAnswersAgain(registry, down.TotalSeconds);
    }

    public void Failed(RegistryError error)
    {
        string age;
        lock (gate)
        {
            var now = time.GetTimestamp();
            if (error.Kind == RegistryErrorKind.Unavailable)
            {
                waitedInVain = now;
                downSince ??= now;
            }

            if (logged.TryGetValue(error.Kind, out var then) && time.GetElapsedTime(then) < LogInterval)
                return;
            logged[error.Kind] = now;
            age = lastAnswer is { } last ? $"{time.GetElapsedTime(last).TotalSeconds:F0} s ago" : "before this start";
        }

        log.RegistryFails(registry, error.Kind, error.Message, age);
    }
}
