using System.Globalization;

namespace ModelFs.Commands;

/// <summary>How long something is past, in one unit: <c>40 days</c>.</summary>
internal static class Ago
{
    public static string Of(DateTimeOffset then, DateTimeOffset now)
    {
        var span = now - then;
        return span.TotalMinutes < 1 ? Count(Math.Max(0, (int)span.TotalSeconds), "second")
            : span.TotalHours < 1 ? Count((int)span.TotalMinutes, "minute")
            : span.TotalDays < 2 ? Count((int)span.TotalHours, "hour")
            : Count((int)span.TotalDays, "day");
    }

    public static string Count(long number, string what) => string.Create(CultureInfo.InvariantCulture, $"{number} {what}{(number == 1 ? "" : "s")}");
}
