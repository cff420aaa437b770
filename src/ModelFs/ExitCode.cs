namespace ModelFs;

/// <summary>What the program's exit status says; <c>--help</c> documents it.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    public const int Failed = 1;

    /// <summary>The command line or the configuration is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Some of what was asked for is done, and some failed.</summary>
    public const int Partly = 3;
}
