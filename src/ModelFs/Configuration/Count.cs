using System.Globalization;

namespace ModelFs.Configuration;

/// <summary>Numbers of things as people write them: <c>1 file</c>, <c>4 files</c>.</summary>
internal static class Count
{
    public static string Of(long number, string one) => number.ToString(CultureInfo.InvariantCulture) + " " + one + (number == 1 ? "" : "s");
}
