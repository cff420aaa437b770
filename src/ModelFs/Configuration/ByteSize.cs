using System.Globalization;

namespace ModelFs.Configuration;

/// <summary>Numbers of bytes as people write them: <c>100GiB</c>, <c>1.5TB</c>, <c>4096</c>.</summary>
internal static class ByteSize
{
    public const string Forms = "a size such as 100GiB, 10GB or a plain number of bytes";

    private static readonly string[] Binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    private static readonly string[] Decimal = ["B", "KB", "MB", "GB", "TB", "PB"];

    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        text = text.Trim();
        var digits = text.AsSpan().TrimEnd("BbKkMmGgTtPpIi ");
        var unit = text[digits.Length..].Trim();
        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;
        var factor = unit.Length == 0 ? 1 : Factor(unit);
        if (factor == 0 || number > long.MaxValue / factor)
            return false;
        bytes = (long)(number * factor);
        return unit.Length > 0 || number == bytes;
    }

    /// <summary>With three significant digits and a binary unit: <c>272 MiB</c>.</summary>
    public static string Format(long bytes)
    {
        var value = (double)bytes;
        var unit = 0;
        while (Math.Abs(value) >= 1000 && unit < Binary.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        var digits = unit == 0 || Math.Abs(value) >= 99.95 ? "0" : Math.Abs(value) >= 9.995 ? "0.0" : "0.00";
        return value.ToString(digits, CultureInfo.InvariantCulture) + " " + Binary[unit];
    }

    /// <summary>The same number as a setting takes it, in the unit that makes it shortest: <c>100GiB</c>, <c>10GB</c>.</summary>
    public static string Exact(long bytes)
    {
        var (binary, decimals) = (InLargest(bytes, 1024, Binary), InLargest(bytes, 1000, Decimal));
        return binary.Length <= decimals.Length ? binary : decimals;
    }

    private static string InLargest(long bytes, int factor, string[] units)
    {
        var unit = 0;
        for (; bytes != 0 && bytes % factor == 0 && unit < units.Length - 1; bytes /= factor)
            unit++;
        return bytes.ToString(CultureInfo.InvariantCulture) + (unit == 0 ? "" : units[unit]);
    }

    private static decimal Factor(string unit)
    {
        var factor = 1m;
        for (var i = 0; i < Binary.Length; i++, factor *= 1024)
            if (unit.Equals(Binary[i], StringComparison.OrdinalIgnoreCase))
                return factor;
        factor = 1;
        for (var i = 0; i < Decimal.Length; i++, factor *= 1000)
            if (unit.Equals(Decimal[i], StringComparison.OrdinalIgnoreCase))
                return factor;
        return 0;
    }
}
