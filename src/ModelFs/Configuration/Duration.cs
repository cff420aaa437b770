using System.Globalization;

namespace ModelFs.Configuration;

/// <summary>Spans of time as people write them: <c>10s</c>, <c>250ms</c>, <c>1.5h</c>. A number needs its unit, but for 0.</summary>
internal static class Duration
{
    public const string Forms = "a time such as 250ms, 10s, 5m or 1h";

    private static readonly (string Unit, double Milliseconds)[] Units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        text = text.Trim();
        if (text == "0")
            return true;
        foreach (var (unit, milliseconds) in Units)
        {
            if (!text.EndsWith(unit, StringComparison.Ordinal))
                continue;
            if (!double.TryParse(text.AsSpan()[..^unit.Length].TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                || number * milliseconds > TimeSpan.MaxValue.TotalMilliseconds / 2)
                return false;
            duration = TimeSpan.FromMilliseconds(number * milliseconds);
            return true;
        }

        return false;
    }

    /// <summary>The same time in the largest unit that divides it, as a setting takes it: <c>10s</c>.</summary>
    public static string Exact(TimeSpan duration)
    {
        var milliseconds = duration.TotalMilliseconds;
        var (unit, factor) = milliseconds == 0 ? Units[0] : Units.Last(u => milliseconds % u.Milliseconds == 0 || u.Unit == "ms");
        return (milliseconds / factor).ToString(CultureInfo.InvariantCulture) + unit;
    }

    public static string Format(TimeSpan duration)
    {
        var invariant = CultureInfo.InvariantCulture;
        return duration.TotalSeconds < 1 ? string.Create(invariant, $"{duration.TotalMilliseconds:0} ms")
            : duration.TotalMinutes < 1 ? string.Create(invariant, $"{duration.TotalSeconds:0.0} s")
            : duration.TotalHours < 1 ? string.Create(invariant, $"{(int)duration.TotalMinutes} min {duration.Seconds} s")
            : string.Create(invariant, $"{(int)duration.TotalHours} h {duration.Minutes} min");
    }
}
