using System.Diagnostics;

namespace ModelFs.Benchmarks.Rigs;

/// <summary>Keeps one connection to its rate: a bucket that holds no more than <paramref name="slack"/> seconds' worth.</summary>
internal sealed class Rate(double bytesPerSecond, double slack)
{
    private static readonly double Tick = 1.0 / Stopwatch.Frequency;

    /// <summary>When, in seconds, the bytes sent so far are due to have arrived.</summary>
    private double due;

    public void Sent(long bytes)
    {
        if (double.IsPositiveInfinity(bytesPerSecond))
            return;
        var now = Stopwatch.GetTimestamp() * Tick;
        due = Math.Max(due, now - slack) + bytes / bytesPerSecond;
        if (due > now + slack)
            Thread.Sleep(TimeSpan.FromSeconds(due - now));
    }
}
