namespace ModelFs.Vfs.Names;

/// <summary>How a model's versions and aliases share one directory without a clash.</summary>
/// <remarks>
/// A plain decimal number is always a version. An alias that looks like one gets an <c>@</c> in front, and so does an alias that
/// looks like such a disguised one: <c>1</c> is <c>@1</c>, <c>@1</c> is <c>@@1</c>, <c>champion</c> stays.
/// </remarks>
internal static class ModelChildName
{
    public const string Latest = "latest";

    /// <summary>A canonical decimal of at most 19 digits, which is what fits a 64-bit number. <c>007</c> is none.</summary>
    public static bool IsVersion(ReadOnlySpan<char> name) =>
        name.Length is > 0 and <= 19 && !name.ContainsAnyExceptInRange('0', '9') && (name[0] != '0' || name.Length == 1);

    public static string OfAlias(string alias) => IsMarkedNumber(alias) ? "@" + alias : alias;

    /// <summary>The alias that a link of this name stands for, or null where no alias can have it.</summary>
    public static string? ToAlias(string name)
    {
        if (!IsMarkedNumber(name))
            return name;
        return name[0] == '@' ? name[1..] : null;
    }

    private static bool IsMarkedNumber(ReadOnlySpan<char> name)
    {
        var digits = name.TrimStart('@');
        return digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9');
    }
}
