using ModelFs.Configuration;

namespace ModelFs.Commands;

/// <summary>How long something is past, in one unit: <c>40 days</c>.</summary>
internal static class Ago
{
    public static string Of(DateTimeOffset then, DateTimeOffset now)
    {
        var span = now - then;
        return span.TotalMinutes < 1 ? Count.Of(Math.Max(0, (int)span.TotalSeconds), "second")
            : span.TotalHours < 1 ? Count.Of((int)span.TotalMinutes, "minute")
            : span.TotalDays < 2 ? Count.Of((int)span.TotalHours, "hour")
            : Count.Of((int)span.TotalDays, "day");
    }
}
